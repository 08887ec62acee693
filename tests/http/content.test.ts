import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, noise, problemOf, startApi, type TestApi } from './support/api.ts'
import { exchange, head } from './support/raw-client.ts'

const TEXT = 'Hello PRSM IPFS!'
const MIB = 2 ** 20
const ABSENT = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

let api: TestApi
let text: string
let big: string
let empty: string
const bytes = noise(5 * MIB + 17)

beforeAll(async () => {
  api = await startApi()
  text = (await api.node.upload(TEXT)).cid
  big = (await api.node.upload(bytes)).cid
  empty = (await api.node.upload('')).cid
})
afterAll(() => api[Symbol.asyncDispose]())

function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  return fetch(`${api.ipfs}/${path}`, { method, headers })
}

describe('a file', () => {
  test('comes whole, as an attachment no browser shows', async () => {
    const response = await get(text)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-length': '16',
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename*=UTF-8''${text}`,
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'accept-ranges': 'bytes',
      'cache-control': 'private, max-age=31536000, immutable',
      etag: `"${text}"`,
      'x-request-id': expect.stringMatching(/^[\w-]{36}$/),
    })
    expect(await response.text()).toBe(TEXT)
  })

  test('of several blocks has the sha256 of what went in', async () => {
    const hash = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
    expect(hash(await (await get(big)).bytes())).toBe(hash(bytes))
  })

  test('is described by HEAD, which sends nothing', async () => {
    const response = await get(big, { range: 'bytes=0-4' }, 'HEAD')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe(String(bytes.length))
    expect(response.headers.get('etag')).toBe(`"${big}"`)
    expect(await response.text()).toBe('')
  })

  test('may be empty', async () => {
    const response = await get(empty)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe('0')
    expect(await response.text()).toBe('')
  })

  test.each([
    ["?filename=it's (1)*.txt", 'it%27s%20%281%29%2A.txt'],
    ['?filename=größe.txt', 'gr%C3%B6%C3%9Fe.txt'],
    ['?filename=a%22%0d%0a', undefined],
    ['?filename=a/b', undefined],
    ['?filename=..', undefined],
    ['?filename=', undefined],
    [`?filename=${'ü'.repeat(128)}`, undefined],
    ['?other=1', undefined],
  ])('with %s is named %s, or refused', async (query, name) => {
    const response = await get(`${text}${query}`)
    if (name === undefined) {
      expect(await problemOf(response)).toMatchObject({ status: 400, code: 'INVALID_INPUT' })
    } else {
      const disposition = response.headers.get('content-disposition')
      expect(disposition).toBe(`attachment; filename*=UTF-8''${name}`)
    }
  })

  test('that is not here is not found', async () => {
    expect(await problemOf(await get(ABSENT))).toMatchObject({
      status: 404,
      code: 'CONTENT_NOT_FOUND',
      instance: `/api/v1/ipfs/${ABSENT}`,
    })
  })

  test.each(['not-a-cid', 'Qm', 'stat', '%20'])('%j is no CID', async (cid) => {
    expect(await problemOf(await get(cid))).toMatchObject({ status: 400, code: 'INVALID_CID' })
  })

  test('has nothing below it', async () => {
    const problem = await problemOf(await get(`${text}/below`))
    expect(problem.status).toBeGreaterThanOrEqual(400)
    expect(problem.status).toBeLessThan(500)
  })
})

describe('a range', () => {
  test.each([
    ['bytes=0-3', 'Hell', '0-3'],
    ['bytes=6-9', 'PRSM', '6-9'],
    ['bytes=11-', 'IPFS!', '11-15'],
    ['bytes=-5', 'IPFS!', '11-15'],
    ['bytes=-500', TEXT, '0-15'],
    ['bytes=15-99999999999999999999', '!', '15-15'],
    ['BYTES=0-0', 'H', '0-0'],
  ])('%s gives %j', async (range, part, bounds) => {
    const response = await get(text, { range })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${bounds}/16`)
    expect(response.headers.get('content-length')).toBe(String(part.length))
    expect(await response.text()).toBe(part)
  })

  test.each([
    [MIB - 3, MIB + 3],
    [0, 5 * MIB + 16],
    [3 * MIB, 3 * MIB],
    [5 * MIB, 5 * MIB + 16],
  ])('over the blocks from %i to %i has the right bytes', async (first, last) => {
    const response = await get(big, { range: `bytes=${first}-${last}` })
    expect(response.status).toBe(206)
    const part = await response.bytes()
    expect(Buffer.compare(part, bytes.subarray(first, last + 1))).toBe(0)
  })

  test.each(['bytes=16-', 'bytes=16-20', 'bytes=-0', 'bytes=999999999999999999999-'])(
    '%s is outside',
    async (range) => {
      const response = await get(text, { range })
      expect(response.headers.get('content-range')).toBe('bytes */16')
      expect(response.headers.get('etag')).toBeNull()
      expect(await problemOf(response)).toMatchObject({ status: 416, code: 'INVALID_RANGE' })
    },
  )

  test.each([
    'bytes=0-1,3-4',
    'bytes=3-1',
    'bytes=-',
    'bytes=a-b',
    'bytes',
    'lines=0-1',
    'bytes=0x1-2',
    'bytes= 1 - 2',
  ])('%s is ignored', async (range) => {
    const response = await get(text, { range })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe(TEXT)
  })

  test('of an empty file: the last bytes are all of it, the first are outside', async () => {
    expect((await get(empty, { range: 'bytes=-5' })).status).toBe(200)
    const outside = await get(empty, { range: 'bytes=0-' })
    expect(outside.headers.get('content-range')).toBe('bytes */0')
    expect((await problemOf(outside)).status).toBe(416)
  })

  test.each([
    ['the same tag', () => `"${text}"`, 206],
    ['another tag', () => '"other"', 200],
    ['a weak tag', () => `W/"${text}"`, 200],
    ['a date', () => 'Sun, 06 Nov 1994 08:49:37 GMT', 200],
  ])('under If-Range with %s', async (_name, tag, status) => {
    const response = await get(text, { range: 'bytes=0-3', 'if-range': tag() })
    expect(response.status).toBe(status)
  })
})

describe('If-None-Match', () => {
  test.each([
    ['the tag', () => `"${text}"`, 304],
    ['its weak form', () => `W/"${text}"`, 304],
    ['a list with it', () => `"a", W/"b" , "${text}"`, 304],
    ['anything', () => '*', 304],
    ['another', () => '"a"', 200],
    ['the CID without quotes', () => text, 200],
  ])('%s', async (_name, tags, status) => {
    const response = await get(text, { 'if-none-match': tags(), range: 'bytes=0-3' })
    expect(response.status).toBe(status === 200 ? 206 : 304)
    expect(response.headers.get('etag')).toBe(`"${text}"`)
    if (status === 304) expect(response.headers.get('content-length')).toBeNull()
  })
})

describe('a path', () => {
  let root: string
  beforeAll(async () => {
    const entries = Readable.from([
      { kind: 'directory', path: 'a' },
      file('a/100% größe?.txt', 'percent'),
      file('a/plain', 'plain'),
      file('a/%41', 'literal percent forty-one'),
      file('a/+', 'plus'),
    ])
    root = (await api.node.upload({ entries })).cid
  })

  test.each([
    ['a/plain', 'plain'],
    ['a//plain', 'plain'],
    ['a/pl%61in', 'plain'],
    ['a/100%25%20gr%C3%B6%C3%9Fe%3F.txt', 'percent'],
    ['a/%2541', 'literal percent forty-one'],
    ['a/+', 'plus'],
  ])('%s is decoded once', async (path, content) => {
    const response = await get(`${root}/${path}`)
    expect(await response.text()).toBe(content)
    const stat = await get(`stat/${root}/${path}`)
    expect(await stat.json()).toMatchObject({ kind: 'file', bytes: content.length })
  })

  test('names the download by its last name', async () => {
    const response = await get(`${root}/a/100%25%20gr%C3%B6%C3%9Fe%3F.txt`)
    expect(response.headers.get('content-disposition')).toBe(
      "attachment; filename*=UTF-8''100%25%20gr%C3%B6%C3%9Fe%3F.txt",
    )
    const stat = await api.node.stat(`${root}/a/100% größe?.txt`)
    expect(response.headers.get('etag')).toBe(`"${stat.cid}"`)
  })

  test.each([
    'a/../a/plain',
    'a/./plain',
    '..',
    'a/%2e%2e/a/plain',
    'a/.%2E/plain',
    'a/%2e/plain',
    'a%2fplain',
    'a/%2fetc%2fpasswd',
    'a/%00',
    'a/%',
    'a/%zz',
    'a/%c3',
  ])('%s is refused', async (path) => {
    for (const route of ['', 'stat/', 'ls/']) {
      const line = `GET /api/v1/ipfs/${route}${root}/${path}`
      const answer = await exchange(api.server.port, head(line, { Connection: 'close' }))
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).toMatch(/"code":"INVALID_INPUT"/)
    }
  })

  test('that leads nowhere is not found', async () => {
    expect(await problemOf(await get(`${root}/a/none`))).toMatchObject({
      status: 404,
      code: 'PATH_NOT_FOUND',
    })
  })

  test('may have an encoded route, and is still read right', async () => {
    const response = await fetch(`${api.server.url}/api/v1/%69pfs/${root}/a/plain`)
    expect(await response.text()).toBe('plain')
  })
})
