import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problemOf, sleep, startApi, type TestApi, until } from './support/api.ts'
import { exchange, head, open } from './support/raw-client.ts'

let api: TestApi
let port: number
beforeAll(async () => {
  api = await startApi({ bounds: { headMs: 400, refusedBodyMs: 300 } })
  port = api.server.port
})
afterAll(() => api[Symbol.asyncDispose]())

const CLOSE = { Connection: 'close' }

describe('what is no HTTP', () => {
  test.each([
    ['noise', '\x00\x01\x02\x03 nothing like it\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['another protocol', 'GET / HTTP/9.9\r\nHost: localhost\r\n\r\n', 400],
    ['a header without a name', head('GET /', { '': 'x' }), 400],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n', 400],
    ['a length that is none', head('POST /api/v1/ipfs/upload', { 'Content-Length': '1x' }), 400],
    ['a negative length', head('POST /api/v1/ipfs/upload', { 'Content-Length': '-1' }), 400],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
      400,
    ],
    [
      'a length and chunks',
      head('POST /api/v1/ipfs/upload', { 'Content-Length': 5, 'Transfer-Encoding': 'chunked' }),
      400,
    ],
    ['a head that is too long', head('GET /', { 'X-Long': 'x'.repeat(40_000) }), 431],
    ['a URL that is far too long', head(`GET /${'x'.repeat(40_000)}`), 431],
  ])('%s is refused with words', async (_name, request, status) => {
    const answer = await exchange(port, request)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toMatch(/content-type: application\/problem\+json/)
    const body = JSON.parse(answer.split('\r\n\r\n')[1] ?? '')
    expect(body).toMatchObject({ status, code: 'INVALID_INPUT', requestId: expect.any(String) })
    expect(answer).toContain(`x-request-id: ${body.requestId}`)
  })

  test('a bad chunk in an upload ends it, and nothing is stored', async () => {
    const { socket, received } = await open(port)
    const headers = { 'Content-Type': 'application/octet-stream', 'Transfer-Encoding': 'chunked' }
    socket.write(`${head('POST /api/v1/ipfs/upload', headers)}3\r\nabc\r\n`)
    await sleep(50)
    socket.write('zz\r\n')
    await received.closed
    expect(received.text()).toMatch(/^HTTP\/1\.1 400 /)
    expect((await api.node.list()).uploads).toEqual([])
  })

  test('a head that does not come to its end is given up', async () => {
    const { socket, received } = await open(port)
    socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n')
    const drip = setInterval(() => socket.write('X: y\r\n'), 100)
    await received.closed
    clearInterval(drip)
    expect(received.text()).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('a connection that says nothing is given up', async () => {
    const { received } = await open(port)
    await received.closed
    expect(received.text()).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('noise behind an answer that has begun does not get into it', async () => {
    const { cid } = await api.node.upload(Buffer.alloc(20 * 2 ** 20, 'x'))
    const { socket, received } = await open(port)
    socket.write(head(`GET /api/v1/ipfs/${cid}`))
    await received.saw(/\r\n\r\nx/)
    socket.pause()
    socket.write('nonsense\r\n\r\n')
    await sleep(100)
    socket.resume()
    await received.closed
    expect(received.text().match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(received.text()).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nx+$/)
  })
})

describe('what is not there', () => {
  test.each(['/', '/nowhere', '/api/v1', '/api/v1/ipfs/', '/api/v2/ipfs/status', '/health', '//'])(
    '%s',
    async (path) => {
      const answer = await exchange(port, head(`GET ${path}`, CLOSE))
      expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
      expect(answer).toMatch(/"code":"(ROUTE_NOT_FOUND|INVALID_CID)"/)
    },
  )

  test.each([
    ['GET', '/api/v1/ipfs/upload', 'POST'],
    ['PUT', '/api/v1/ipfs/upload', 'POST'],
    ['DELETE', '/api/v1/ipfs/bafy', 'GET, HEAD'],
    ['POST', '/api/v1/ipfs/bafy/a/b', 'GET, HEAD'],
    ['HEAD', '/api/v1/ipfs/ls/bafy', 'GET'],
    ['POST', '/api/v1/ipfs/status', 'GET, HEAD'],
    ['OPTIONS', '/metrics', 'GET, HEAD'],
  ])('%s %s is another method’s', async (method, path, allowed) => {
    const response = await fetch(`${api.server.url}${path}`, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe(allowed)
    if (method !== 'HEAD') {
      expect(await problemOf(response)).toMatchObject({ code: 'ROUTE_NOT_FOUND', status: 405 })
    }
  })

  test('a method nobody knows', async () => {
    const answer = await exchange(port, head('PROPFIND /api/v1/ipfs/status', CLOSE))
    expect(answer).toMatch(/^HTTP\/1\.1 40[45] /)
  })

  test('a long URL', async () => {
    const answer = await exchange(port, head(`GET /${'x'.repeat(17_000)}`, CLOSE))
    expect(answer).toMatch(/^HTTP\/1\.1 414 /)
    expect(answer).toMatch(/"code":"INVALID_INPUT"/)
  })

  test('a URL that cannot be read', async () => {
    const answer = await exchange(port, head('GET /api/v1/%zz', CLOSE))
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toMatch(/x-request-id/)
  })

  test('a GET with a body', async () => {
    const answer = await exchange(port, `${head('GET /health/live', { 'Content-Length': 3 })}abc`)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    const endless = await exchange(port, head('GET /health/live', { 'Content-Length': 1e12 }))
    expect(endless).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('a request id', () => {
  test.each([
    ['of the client is kept', 'Job-7_a.b', true],
    ['of 128 characters is kept', 'x'.repeat(128), true],
    ['of 129 characters is not', 'x'.repeat(129), false],
    ['with a space is not', 'a b', false],
    ['with quotes is not', '"a"', false],
  ])('%s', async (_name, id, kept) => {
    for (const path of ['/health/live', '/nowhere', '/api/v1/%zz']) {
      const response = await fetch(`${api.server.url}${path}`, { headers: { 'x-request-id': id } })
      expect(response.headers.get('x-request-id') === id).toBe(kept)
      expect(response.headers.get('x-request-id')).toMatch(/^[\w.-]{1,128}$/)
    }
  })

  test('is in the one line that the request leaves in the log, without its query', async () => {
    const headers = { 'x-request-id': 'find-me' }
    await fetch(`${api.ipfs}/uploads?limit=1&before=123456789`, { headers })
    const lines = () => api.log.filter((line) => line['requestId'] === 'find-me')
    await until(() => lines().length > 0)
    expect(lines()).toEqual([
      expect.objectContaining({
        component: 'http',
        method: 'GET',
        route: '/api/v1/ipfs/uploads',
        status: 200,
        ms: expect.any(Number),
        bytesIn: 0,
        bytesOut: expect.any(Number),
      }),
    ])
    expect(JSON.stringify(api.log)).not.toContain('123456789')
  })

  test('comes with the bytes that moved', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/octet-stream' } }
    const headers = { ...init.headers, 'x-request-id': 'moved' }
    await fetch(`${api.ipfs}/upload`, { ...init, headers, body: 'content~'.repeat(625) })
    const moved = () => api.log.find((line) => line['requestId'] === 'moved' && line['route'])
    await until(() => moved() !== undefined)
    expect(moved()).toMatchObject({ bytesIn: 5000, status: 201 })
    expect(Number(moved()?.['bytesOut'])).toBeGreaterThan(200)
    expect(JSON.stringify(api.log)).not.toContain('content~')
  })
})
