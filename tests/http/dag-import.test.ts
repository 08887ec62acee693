import { describe, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { limits } from '../../src/core/limits.ts'
import { rawCid } from '../support/block-store.ts'
import { carOf } from '../support/car.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'
import { problemOf, startApi, streamed, until } from './support/api.ts'

const CAR = { 'content-type': 'application/vnd.ipld.car' }
const entries = [noise(10), noise(MIB, 2)].map((bytes) => ({ cid: rawCid(bytes), bytes }))
const [small, large] = entries.map(({ cid }) => cid.toString())
const archive = await carOf(
  entries.map(({ cid }) => cid),
  entries,
)

function post(url: string, body: Uint8Array, headers: Record<string, string> = CAR) {
  return fetch(url, { method: 'POST', headers, body: Buffer.from(body) })
}

describe('POST /dag/import', () => {
  test('stores the blocks and tells of the roots', async () => {
    await using api = await startApi()
    const response = await post(`${api.ipfs}/dag/import`, archive)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      roots: [small, large].map((cid) => ({ cid, complete: true, pinned: true, missing: [] })),
      blocks: 2,
      bytes: 10 + MIB,
      newBytes: 10 + MIB,
      reusedBytes: 0,
      durationMs: expect.any(Number),
    })
    const back = await fetch(`${api.ipfs}/${large}`)
    expect(sameBytes(await back.bytes(), noise(MIB, 2))).toBe(true)
  })

  test('chunked, as octets, with pin=false', async () => {
    await using api = await startApi()
    const response = await fetch(`${api.ipfs}/dag/import?pin=false`, {
      ...streamed([archive.subarray(0, 99), archive.subarray(99)]),
      headers: { 'content-type': 'application/octet-stream' },
    })
    expect(await response.json()).toMatchObject({ roots: [{ pinned: false }, { pinned: false }] })
  })

  test('may be larger than a file', async () => {
    await using api = await startApi({ maxFileBytes: 1000 })
    expect((await post(`${api.ipfs}/dag/import`, archive)).status).toBe(200)
  })

  test.each([
    ['no archive', 422, 'CAR_INVALID', Buffer.from('<html>not found</html>'), CAR, ''],
    ['a cut one', 422, 'CAR_INVALID', archive.subarray(0, 5000), CAR, ''],
    ['another media type', 415, 'UNSUPPORTED_MEDIA_TYPE', archive, { 'content-type': 'a/b' }, ''],
    ['no media type', 415, 'UNSUPPORTED_MEDIA_TYPE', archive, { 'content-type': '' }, ''],
    [
      'a coding',
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      archive,
      { ...CAR, 'content-encoding': 'gzip' },
      '',
    ],
    ['another pin', 400, 'INVALID_INPUT', archive, CAR, '?pin=maybe'],
    ['another parameter', 400, 'INVALID_INPUT', archive, CAR, '?pinned=true'],
  ])('%s: %i %s', async (_name, status, code, body, headers, query) => {
    await using api = await startApi()
    const response = await post(`${api.ipfs}/dag/import${query}`, body, headers)
    expect(response.status).toBe(status)
    expect(await problemOf(response)).toMatchObject({ code })
  })

  test('takes POST alone, and a body', async () => {
    await using api = await startApi()
    const got = await fetch(`${api.ipfs}/dag/import`, { method: 'DELETE' })
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test('a body that stands still is given up, and nothing waits for it', async () => {
    await using api = await startApi({ bounds: { ...limits, idleBodyMs: 100 } })
    const stop = new AbortController()
    async function* stalling() {
      yield archive.subarray(0, 100)
      await new Promise<void>((resolve) => {
        stop.signal.addEventListener('abort', () => resolve())
      })
    }
    const response = await fetch(`${api.ipfs}/dag/import`, {
      method: 'POST',
      headers: CAR,
      body: stalling(),
      duplex: 'half',
    })
    expect(await problemOf(response)).toMatchObject({ code: 'UPLOAD_INCOMPLETE' })
    stop.abort()
  })

  test('a client that leaves ends the import', async () => {
    await using api = await startApi()
    const stop = new AbortController()
    async function* slow() {
      yield archive.subarray(0, 100)
      stop.abort()
      await new Promise(() => {})
    }
    const leaving = fetch(`${api.ipfs}/dag/import`, {
      method: 'POST',
      headers: CAR,
      body: slow(),
      duplex: 'half',
      signal: stop.signal,
    })
    await expect(leaving).rejects.toThrow()
    await until(async () => {
      const text = await api.node.metrics.registry.metrics()
      return /ipfs_operations_total\{operation="import",status="(?!ok)\w+"\} 1/.test(text)
    })
  })
})

describe('the client', () => {
  test('sends any source, with progress', async () => {
    await using api = await startApi()
    await using client = createClient({ url: api.server.url })
    const told: number[] = []
    const result = await client.importCar(archive, {
      onProgress: ({ bytesDone }) => told.push(bytesDone),
    })
    expect(result).toMatchObject({ blocks: 2, roots: [{ cid: small, pinned: true }, {}] })
    expect(told.at(-1)).toBe(archive.byteLength)
    const again = await client.importCar(new Blob([Buffer.from(archive)]), { pin: false })
    expect(again).toMatchObject({ newBytes: 0, roots: [{ pinned: true }, {}] })
  })

  test('tells what the daemon tells', async () => {
    await using api = await startApi()
    await using client = createClient({ url: api.server.url })
    expect(await codeOf(client.importCar('no archive'))).toBe('CAR_INVALID')
    expect(await codeOf(client.importCar({ path: '/' }))).toBe('NOT_A_FILE')
  })
})
