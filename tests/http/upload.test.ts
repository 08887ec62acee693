import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noise, problemOf, startApi, streamed, type TestApi } from './support/api.ts'

const HELLO = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'
const OCTETS = { 'content-type': 'application/octet-stream' }

let api: TestApi
beforeAll(async () => {
  api = await startApi({ maxFileBytes: 3_000_000 })
})
afterAll(() => api[Symbol.asyncDispose]())

function post(query: string, body: RequestInit['body'], headers: Record<string, string> = OCTETS) {
  return fetch(`${api.ipfs}/upload${query}`, { method: 'POST', headers, body: body ?? null })
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('a raw body', () => {
  test('is stored under its CID: 201, and 200 when it was there', async () => {
    const first = await post('?filename=test.txt&contentType=text/plain', 'Hello PRSM IPFS!')
    expect(first.status).toBe(201)
    expect(first.headers.get('location')).toBe(`/api/v1/ipfs/${HELLO}`)
    expect(await first.json()).toEqual({
      cid: HELLO,
      bytes: 16,
      sha256: sha256(Buffer.from('Hello PRSM IPFS!')),
      filename: 'test.txt',
      contentType: 'text/plain',
      pinned: true,
      created: true,
      newBytes: 16,
      reusedBytes: 0,
      durationMs: expect.any(Number),
    })
    const again = await post('?filename=test.txt&contentType=text/plain', 'Hello PRSM IPFS!')
    expect(again.status).toBe(200)
    expect(await again.json()).toMatchObject({ cid: HELLO, created: false })
  })

  test('without a name has one', async () => {
    const response = await post('', 'no name')
    expect(await response.json()).toMatchObject({
      filename: 'content',
      contentType: 'application/octet-stream',
    })
  })

  test('may be empty, when it says so', async () => {
    const response = await post('?filename=empty', '')
    expect(await response.json()).toMatchObject({ bytes: 0, created: true })
  })

  test('of several blocks comes out as it went in, chunked too', async () => {
    const bytes = noise(2_500_000)
    const pieces = [bytes.subarray(0, 10), bytes.subarray(10, 2_000_000), bytes.subarray(2_000_000)]
    const response = await fetch(`${api.ipfs}/upload?filename=big`, {
      ...streamed(pieces),
      headers: OCTETS,
    })
    const { cid, sha256: stored } = JSON.parse(await response.text())
    expect(stored).toBe(sha256(bytes))
    const back = await fetch(`${api.ipfs}/${cid}`)
    expect(sha256(await back.bytes())).toBe(stored)
  })

  test('with another sha256 than expected is not stored under a name', async () => {
    const before = await api.node.list()
    const response = await post(`?expectedSha256=${'0'.repeat(64)}`, 'something else')
    expect(response.status).toBe(422)
    expect(await problemOf(response)).toMatchObject({ code: 'SHA256_MISMATCH' })
    expect(await api.node.list()).toEqual(before)
  })

  test('with the expected sha256 is stored', async () => {
    const response = await post(`?expectedSha256=${sha256(Buffer.from('exactly'))}`, 'exactly')
    expect(response.status).toBe(201)
  })

  test.each(['?name=x', '?filename=', '?filename=a&filename=b', '?expectedSha256=abc'])(
    'with the query %s is refused',
    async (query) => {
      const response = await post(query, 'x')
      expect(response.status).toBe(400)
      expect(await problemOf(response)).toMatchObject({
        code: 'INVALID_INPUT',
        details: { faults: [expect.any(String)] },
      })
    },
  )

  test('over the limit is refused: announced, and counted', async () => {
    const bytes = noise(3_000_001)
    const announced = await post('', bytes)
    expect(await problemOf(announced)).toMatchObject({
      status: 413,
      code: 'UPLOAD_TOO_LARGE',
      details: { maxBytes: 3_000_000 },
    })
    const chunked = await fetch(`${api.ipfs}/upload`, { ...streamed([bytes]), headers: OCTETS })
    expect(await problemOf(chunked)).toMatchObject({ status: 413, code: 'UPLOAD_TOO_LARGE' })
  })

  test('of exactly the limit is taken', async () => {
    const response = await post('', noise(3_000_000, 9))
    expect(response.status).toBe(201)
  })
})

describe('a form', () => {
  const form = (...parts: readonly (readonly [string, Blob | string, string?])[]) => {
    const body = new FormData()
    for (const [name, value, filename] of parts) {
      if (typeof value === 'string') body.append(name, value)
      else body.append(name, value, filename)
    }
    return body
  }

  test('with one file gives it its name and type', async () => {
    const file = new Blob(['Hello PRSM IPFS!'], { type: 'text/x-form' })
    const response = await post('', form(['file', file, 'größe.txt']), {})
    expect(await response.json()).toMatchObject({
      cid: HELLO,
      filename: 'größe.txt',
      contentType: 'text/x-form',
    })
  })

  test('gives way to the query', async () => {
    const file = new Blob(['query'], { type: 'text/x-form' })
    const response = await post(
      '?filename=mine&contentType=text/mine',
      form(['f', file, 'its']),
      {},
    )
    expect(await response.json()).toMatchObject({ filename: 'mine', contentType: 'text/mine' })
  })

  test('of several blocks comes out as it went in', async () => {
    const bytes = noise(2_900_000, 5)
    const response = await post('', form(['file', new Blob([bytes]), 'big']), {})
    expect(await response.json()).toMatchObject({ bytes: bytes.length, sha256: sha256(bytes) })
  })

  test.each([
    ['no part', form()],
    ['a field only', form(['name', 'value'])],
    ['two files', form(['a', new Blob(['1']), 'a'], ['b', new Blob(['2']), 'b'])],
    ['a file and a field', form(['a', new Blob(['3']), 'a'], ['name', 'value'])],
    ['a field and a file', form(['name', 'value'], ['a', new Blob(['4']), 'a'])],
  ])('with %s is refused, and nothing is stored under a name', async (_name, body) => {
    const before = await api.node.list()
    const response = await post('', body, {})
    expect(await problemOf(response)).toMatchObject({ status: 400, code: 'INVALID_INPUT' })
    expect(await api.node.list()).toEqual(before)
  })

  test('that is cut off before its last boundary is refused', async () => {
    const before = await api.node.list()
    const body = '--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nhalf of it'
    const response = await post('', body, { 'content-type': 'multipart/form-data; boundary=x' })
    expect((await problemOf(response)).status).toBe(400)
    expect(await api.node.list()).toEqual(before)
  })

  test('without a boundary is refused', async () => {
    const response = await post('', 'x', { 'content-type': 'multipart/form-data' })
    expect(await problemOf(response)).toMatchObject({ status: 400, code: 'INVALID_INPUT' })
  })

  test('with a file over the limit is refused: announced, and counted', async () => {
    const large = form(['file', new Blob([noise(3_100_000)]), 'big'])
    expect(await problemOf(await post('', large, {}))).toMatchObject({ code: 'UPLOAD_TOO_LARGE' })
    const within = form(['file', new Blob([noise(3_000_001)]), 'big'])
    expect(await problemOf(await post('', within, {}))).toMatchObject({
      status: 413,
      code: 'UPLOAD_TOO_LARGE',
    })
  })
})

describe('the media type', () => {
  test.each([
    ['application/x-www-form-urlencoded', {}],
    ['application/json', {}],
    ['text/plain', {}],
    ['nonsense', {}],
    ['application/octet-stream', { 'content-encoding': 'gzip' }],
  ])('%s %j is refused with those that are taken', async (type, headers) => {
    const response = await post('', 'x', { 'content-type': type, ...headers })
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ status: 415 })
    expect(JSON.stringify(problem)).toMatch(/application\/octet-stream/)
    expect(JSON.stringify(problem)).toMatch(/multipart\/form-data/)
    expect(JSON.stringify(problem)).toMatch(/application\/x-tar/)
  })

  test('may have parameters and capitals', async () => {
    const type = { 'content-type': 'Application/Octet-Stream; charset=binary' }
    expect((await post('', 'parameters', type)).status).toBe(201)
  })
})
