import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, problemOf, startApi, type TestApi } from './support/api.ts'

let api: TestApi
let folder: string
const NAMES = Array.from({ length: 3000 }, (_, at) => `file "${at}" ü`)

beforeAll(async () => {
  api = await startApi()
  const entries = Readable.from([
    ...NAMES.map((name) => file(name, name)),
    { kind: 'directory', path: 'sub' },
  ])
  folder = (await api.node.upload({ entries })).cid
})
afterAll(() => api[Symbol.asyncDispose]())

async function json(path: string, init: RequestInit = {}) {
  const response = await fetch(`${api.ipfs}/${path}`, init)
  expect(response.status).toBe(200)
  return JSON.parse(await response.text())
}

describe('ls', () => {
  test('gives one object', async () => {
    const { cid, entries } = await json(`ls/${folder}`)
    expect(cid).toBe(folder)
    expect(entries).toHaveLength(NAMES.length + 1)
    expect(entries.map((entry: { name: string }) => entry.name).sort()).toEqual(
      [...NAMES, 'sub'].sort(),
    )
    expect(entries.find((entry: { name: string }) => entry.name === NAMES[7])).toEqual({
      name: NAMES[7],
      kind: 'file',
      bytes: Buffer.byteLength(NAMES[7] ?? ''),
      cid: expect.stringMatching(/^bafk/),
    })
  })

  test('gives one entry a line when asked', async () => {
    const headers = { accept: 'application/x-ndjson' }
    const response = await fetch(`${api.ipfs}/ls/${folder}`, { headers })
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    const lines = (await response.text()).split('\n')
    expect(lines.pop()).toBe('')
    const { entries } = await json(`ls/${folder}`)
    expect(lines.map((line) => JSON.parse(line))).toEqual(entries)
  })

  test('of an empty folder is empty both ways', async () => {
    expect((await json(`ls/${folder}/sub`)).entries).toEqual([])
    const headers = { accept: 'application/x-ndjson' }
    const response = await fetch(`${api.ipfs}/ls/${folder}/sub`, { headers })
    expect(await response.text()).toBe('')
  })

  test('of a file is refused', async () => {
    const file = `ls/${folder}/${encodeURIComponent(NAMES[0] ?? '')}`
    const response = await fetch(`${api.ipfs}/${file}`)
    expect(await problemOf(response)).toMatchObject({ status: 400, code: 'NOT_A_DIRECTORY' })
  })
})

describe('stat', () => {
  test('of a folder', async () => {
    const stat = await json(`stat/${folder}`)
    expect(stat).toEqual({ ...(await api.node.stat(folder)) })
    expect(stat).toMatchObject({ cid: folder, kind: 'directory', codec: 'dag-pb' })
  })

  test('answers HEAD too', async () => {
    const response = await fetch(`${api.ipfs}/stat/${folder}`, { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  })
})

describe('uploads', () => {
  test('come newest first, in pages', async () => {
    const cids: string[] = []
    for (const name of ['one', 'two', 'three']) {
      cids.unshift((await api.node.upload(name, { filename: name })).cid)
    }
    const first = await json('uploads?limit=2')
    expect(first.uploads.map((row: { cid: string }) => row.cid)).toEqual(cids.slice(0, 2))
    expect(first.uploads[0]).toMatchObject({ filename: 'three', bytes: 5 })
    const second = await json(`uploads?limit=2&before=${first.next}`)
    expect(second.uploads.map((row: { cid: string }) => row.cid)).toEqual([cids[2], folder])
    expect(second).not.toHaveProperty('next')
  })

  test.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'before=0',
    'before=1.5',
    'order=asc',
    'limit=1&limit=2',
  ])('with %s are refused', async (query) => {
    const response = await fetch(`${api.ipfs}/uploads?${query}`)
    expect(await problemOf(response)).toMatchObject({ status: 400, code: 'INVALID_INPUT' })
  })

  test('are told all faults of a query together', async () => {
    const response = await fetch(`${api.ipfs}/uploads?limit=0&before=0`)
    const { details } = await problemOf(response)
    expect(details).toEqual({
      faults: [expect.stringContaining('limit'), expect.stringContaining('before')],
    })
  })
})

describe('status and health', () => {
  test('status is the node’s own', async () => {
    const { uptimeSeconds: _, ...own } = await api.node.status()
    expect(await json('status')).toMatchObject(own)
  })

  test.each(['/health/live', '/health/ready', '/api/v1/ipfs/health'])('%s', async (path) => {
    const response = await fetch(`${api.server.url}${path}`)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ status: 'ok', version: '1.2.3' })
  })
})

describe('/metrics', () => {
  test('is in the text format of Prometheus, with the names that are promised', async () => {
    await fetch(`${api.ipfs}/${folder}/nothing`)
    const response = await fetch(`${api.server.url}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    const names = metricNames(text)
    expect(names).toEqual(
      expect.arrayContaining([
        'ipfs_operations_total',
        'ipfs_operation_duration_seconds',
        'ipfs_content_size_bytes',
        'prsm_http_requests_total',
        'prsm_http_request_duration_seconds',
        'prsm_blocks_written_total',
      ]),
    )
    expect(text).toContain(
      'prsm_http_requests_total{method="GET",route="/api/v1/ipfs/:cid/*",status="404"} 1',
    )
    expect(text).not.toContain(folder)
  })
})

/** Names of the metrics, after checking each line as `promtool check metrics` reads it. */
function metricNames(text: string): string[] {
  const names: string[] = []
  const label = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"`
  const sample = new RegExp(String.raw`^([a-zA-Z_:][\w:]*)(?:\{${label}(?:,${label})*\})? (\S+)$`)
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const declared = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)
    if (declared) names.push(declared[1] ?? '')
    else if (!/^# HELP \S+ \S/.test(line)) {
      const [, name = '', value] = sample.exec(line) ?? []
      expect(Number(value), line).not.toBeNaN()
      expect(
        names.some((known) => name.startsWith(known)),
        line,
      ).toBe(true)
    }
  }
  expect(new Set(names).size).toBe(names.length)
  return names
}
