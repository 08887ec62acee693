import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import * as dagPb from '@ipld/dag-pb'
import { afterEach, describe, expect, test } from 'vitest'
import { parseCid } from '../../src/core/cid.ts'
import type { DownloadOptions } from '../../src/core/storage.ts'
import { createStorageNode, type StorageNode } from '../../src/node/storage-node.ts'
import { carOf } from '../support/car.ts'
import { file, noise, problemOf, sleep, startApi, until } from './support/api.ts'
import { head, open } from './support/raw-client.ts'

const MIB = 2 ** 20
/** What the kernel holds of a connection on loopback, both ends, and a block in our hands. */
const IN_FLIGHT = 16 * MIB

/** A node's downloads, with what they gave so far; `stored` is waited for at the end of each. */
function counted(node: StorageNode, stored: Promise<void>) {
  const seen = { given: 0, ended: false }
  async function* download(content: string, options?: DownloadOptions) {
    try {
      for await (const chunk of node.download(content, options)) {
        seen.given += chunk.length
        yield chunk
      }
      await stored
    } finally {
      seen.ended = true
    }
  }
  const watched = new Proxy(node, {
    get: (real, name) => {
      if (name === 'download') return download
      const value: unknown = Reflect.get(real, name, real)
      return typeof value === 'function' ? value.bind(real) : value
    },
  })
  return { seen, watched }
}

async function startCounted(stored = Promise.resolve()) {
  const counter: { seen?: ReturnType<typeof counted>['seen'] } = {}
  const api = await startApi({
    watch: (node) => {
      const { seen, watched } = counted(node, stored)
      counter.seen = seen
      return watched
    },
  })
  return { api, seen: counter.seen ?? { given: 0, ended: false } }
}

describe('a download', () => {
  test('is whole for its client before what was fetched for it is stored, also when he leaves', async () => {
    const storing = Promise.withResolvers<void>()
    const { api, seen } = await startCounted(storing.promise)
    await using _ = api
    const { cid } = await api.node.upload(noise(3 * MIB))
    const { port } = api.server
    const client = await open(port)
    client.socket.write(head(`GET /api/v1/ipfs/${cid}`, { Connection: 'close' }))
    await client.received.closed
    await until(() => api.log.some((line) => line['route'] === '/api/v1/ipfs/:cid'))
    expect(seen).toEqual({ given: 3 * MIB, ended: false })
    expect(api.log.find((line) => line['route'] !== undefined)).toMatchObject({ complete: true })
    storing.resolve()
    await until(() => seen.ended)
  })

  test('to a slow consumer reads no further than the connection holds', async () => {
    const { api, seen } = await startCounted()
    await using _ = api
    const { cid } = await api.node.upload(noise(64 * MIB))
    const { socket } = await open(api.server.port)
    let taken = 0
    socket.on('data', (chunk) => {
      taken += chunk.length
    })
    socket.write(head(`GET /api/v1/ipfs/${cid}`))
    for (let tick = 0; tick < 10; tick += 1) {
      socket.resume()
      await sleep(1)
      socket.pause()
      await sleep(100)
      expect(seen.given - taken).toBeLessThan(IN_FLIGHT)
    }
    expect(taken).toBeLessThan(40 * MIB)
    expect(seen.ended).toBe(false)
    socket.destroy()
    await until(() => seen.ended)
  }, 20_000)

  test('stops within one block when the client goes away', async () => {
    const { api, seen } = await startCounted()
    await using _ = api
    const { cid } = await api.node.upload(noise(64 * MIB))
    const { socket, received } = await open(api.server.port)
    socket.write(head(`GET /api/v1/ipfs/${cid}`))
    await received.saw(/^HTTP\/1\.1 200/)
    socket.pause()
    await sleep(300)
    const { given } = seen
    expect(given).toBeLessThan(64 * MIB)
    socket.resetAndDestroy()
    await until(() => seen.ended)
    expect(seen.given - given).toBeLessThanOrEqual(MIB)
    await until(async () => {
      const { values } = await api.node.metrics.operations.get()
      return values.some(({ labels }) => labels.status === 'CANCELLED')
    })
  }, 20_000)

  test('several at once do not disturb each other', async () => {
    await using api = await startApi()
    const bytes = noise(5 * MIB)
    const { cid } = await api.node.upload(bytes)
    const answers = await Promise.all(Array.from({ length: 12 }, () => fetch(`${api.ipfs}/${cid}`)))
    for (const answer of answers) expect(Buffer.compare(await answer.bytes(), bytes)).toBe(0)
  }, 20_000)
})

describe('a damaged block', () => {
  const folders: string[] = []
  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
  })

  /** A file on disk, or a folder with it, whose block of 1 MiB at `at` has been damaged. */
  async function damaged(mebibytes: number, at: number, inFolder = false) {
    const dataDir = await mkdtemp(join(tmpdir(), 'prsm-http-'))
    folders.push(dataDir)
    const api = await startApi({ dataDir })
    const bytes = noise(mebibytes * MIB)
    const entries = Readable.from([file('a', 'first'), file('b', bytes)])
    const { cid } = await api.node.upload(inFolder ? { entries } : bytes)
    const block = bytes.subarray(at * MIB, (at + 1) * MIB)
    for (const name of await readdir(dataDir, { recursive: true })) {
      const path = join(dataDir, name)
      if (!name.endsWith('.data')) continue
      const stored = await readFile(path)
      if (Buffer.compare(stored, block) !== 0) continue
      stored[500_000] = (stored[500_000] ?? 0) ^ 1
      await writeFile(path, stored)
    }
    return { api, cid }
  }

  test('at the start is an error with its words, not bytes', async () => {
    const { api, cid } = await damaged(2, 0)
    await using _ = api
    const problem = await problemOf(await fetch(`${api.ipfs}/${cid}`))
    expect(problem).toMatchObject({ status: 500, code: 'BLOCK_CORRUPT' })
    expect(api.log).toContainEqual(expect.objectContaining({ level: 'error' }))
  }, 20_000)

  test('in the middle cuts the connection: a short body never looks whole', async () => {
    const { api, cid } = await damaged(24, 20)
    await using _ = api
    const response = await fetch(`${api.ipfs}/${cid}`)
    expect(response.status).toBe(200)
    await expect(response.bytes()).rejects.toThrow()
    await until(() => api.log.some((line) => line['complete'] === false))
    const told = api.log.filter(({ level }) => level === 'warn' || level === 'error')
    expect(told).toEqual([expect.objectContaining({ level: 'error', msg: 'a request failed' })])
  }, 20_000)

  test('in a folder cuts the tar before its end', async () => {
    const { api, cid } = await damaged(24, 20, true)
    await using _ = api
    const tar = await fetch(`${api.ipfs}/${cid}`)
    expect(tar.headers.get('content-type')).toBe('application/x-tar')
    await expect(tar.bytes()).rejects.toThrow()
  }, 20_000)
})

test('an answer that breaks off for a block that is nowhere leaves its reason in the log', async () => {
  await using whole = await createStorageNode({ storage: 'memory' })
  const root = parseCid((await whole.upload(noise(12 * MIB))).cid)
  await using blocks = whole.gatewayParts().openSession({})
  const cids = [root, ...dagPb.decode(await blocks.get(root)).Links.map(({ Hash }) => Hash)]
  const entries = await Promise.all(
    cids.map(async (cid) => ({ cid, bytes: await blocks.get(cid) })),
  )
  await using api = await startApi()
  await api.node.importCar(await carOf([root], entries.slice(0, -1)))
  const response = await fetch(`${api.ipfs}/${root}`)
  expect(response.status).toBe(200)
  await expect(response.bytes()).rejects.toThrow()
  await until(() => api.log.some(({ level }) => level === 'warn'))
  expect(api.log.filter(({ level }) => level === 'warn')).toEqual([
    expect.objectContaining({
      code: 'CONTENT_NOT_FOUND',
      reason: expect.stringContaining(`${cids.at(-1)}`),
      msg: 'an answer was broken off',
    }),
  ])
})

test('a listing that breaks off says so as lines, and is cut as one object', async () => {
  await using api = await startApi()
  const entries = Array.from({ length: 25_000 }, (_, at) => file(`${'x'.repeat(230)}${at}`, 'same'))
  const { cid } = await api.node.upload({ entries: Readable.from(entries) })
  const clients = []
  for (const Accept of ['application/x-ndjson', 'application/json']) {
    const client = await open(api.server.port)
    client.socket.write(head(`GET /api/v1/ipfs/ls/${cid}`, { Connection: 'close', Accept }))
    await client.received.saw(/\{"name"/)
    client.socket.pause()
    clients.push(client)
  }
  await sleep(300)
  const closed = api.node.close()
  for (const { socket } of clients) socket.resume()
  await closed
  await Promise.all(clients.map(({ received }) => received.closed))
  const [lines = '', object = ''] = clients.map(({ received }) => received.text())
  const last = lines.split('\n').findLast((line) => line.startsWith('{')) ?? ''
  expect(JSON.parse(last)).toMatchObject({ error: { code: 'NODE_CLOSED', status: 503 } })
  expect(lines.endsWith('0\r\n\r\n')).toBe(true)
  expect(object).toMatch(/^HTTP\/1\.1 200 /)
  expect(object).not.toContain(']}')
  expect(object.endsWith('0\r\n\r\n')).toBe(false)
}, 60_000)
