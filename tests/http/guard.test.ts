import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApi, type TestApi } from './support/api.ts'
import { exchange, head } from './support/raw-client.ts'

let api: TestApi
let port: number
beforeAll(async () => {
  api = await startApi()
  port = api.server.port
})
afterAll(() => api[Symbol.asyncDispose]())

const PATHS = ['/health/live', '/metrics', '/api/v1/ipfs/status', '/nowhere']

function ask(path: string, headers: Record<string, string>): Promise<string> {
  return exchange(port, head(`GET ${path}`, { Connection: 'close', ...headers }))
}

describe('the Host header', () => {
  test.each([
    'localhost',
    'LocalHost',
    'localhost:9000',
    '127.0.0.1',
    '127.0.0.1:8000',
    '127.1.2.3',
    '[::1]',
    '[::1]:8000',
  ])('%s is this machine', async (Host) => {
    expect(await ask('/health/live', { Host })).toMatch(/^HTTP\/1\.1 200 /)
  })

  test.each([
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost@evil.example',
    'evil.example#localhost',
    '0.0.0.0',
    '128.0.0.1',
    '127.1',
    '0x7f000001',
    '[::]',
    '[::ffff:127.0.0.1]',
    '192.168.0.1',
    'localhost:port',
    'localhost:',
    ':8000',
    'localhost.',
  ])('%s is not', async (Host) => {
    for (const path of PATHS) {
      const answer = await ask(path, { Host })
      expect(answer).toMatch(/^HTTP\/1\.1 403 /)
      expect(answer).toMatch(/"code":"FORBIDDEN_HOST"/)
    }
  })

  test.each([
    ['missing', 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['missing in HTTP/1.0', 'GET /health/live HTTP/1.0\r\n\r\n'],
    [
      'twice',
      'GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    ],
    [
      'twice the same',
      'GET /health/live HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\nConnection: close\r\n\r\n',
    ],
  ])('%s is a bad request', async (_name, request) => {
    const answer = await exchange(port, request)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toMatch(/"code":"INVALID_INPUT".*Host/)
  })

  test('empty is refused', async () => {
    expect(await ask('/health/live', { Host: '' })).toMatch(/^HTTP\/1\.1 40[03] /)
  })

  test.each(['http://evil.example/health/live', 'http://localhost/health/live', '*'])(
    'is not overruled by the target %s',
    async (target) => {
      const answer = await ask(target, {})
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).toMatch(/"code":"INVALID_INPUT"/)
    },
  )
})

describe('the Origin header', () => {
  test('of the server itself is taken, on any loopback name', async () => {
    for (const name of ['localhost', '127.0.0.1', '[::1]', 'LOCALHOST']) {
      const answer = await ask('/health/live', {
        Host: `127.0.0.1:${port}`,
        Origin: `http://${name}:${port}`,
      })
      expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    }
  })

  test('behind a forwarded port is taken', async () => {
    const through = { Host: 'localhost:9999', Origin: 'http://localhost:9999' }
    expect(await ask('/health/live', through)).toMatch(/^HTTP\/1\.1 200 /)
  })

  test.each([
    'null',
    'http://evil.example',
    'http://localhost',
    'http://localhost:3000',
    'https://localhost:PORT',
    'http://localhost:PORT.evil.example',
    'http://evil.example:PORT',
    'http://localhost:PORT, http://evil.example',
    'http://localhost:PORT/path',
    'chrome-extension://abcdef',
    'file://',
    '',
  ])('%j is refused, also for GET', async (origin) => {
    const Origin = origin.replace('PORT', String(port))
    for (const path of PATHS) {
      const answer = await ask(path, { Host: `localhost:${port}`, Origin })
      expect(answer).toMatch(/^HTTP\/1\.1 403 /)
      expect(answer).toMatch(/"code":"FORBIDDEN_ORIGIN"/)
      expect(answer).not.toMatch(/access-control-allow/i)
    }
  })

  test('of another page may not upload, nor ask whether it may', async () => {
    const headers = {
      Host: `localhost:${port}`,
      Origin: 'http://evil.example',
      Connection: 'close',
    }
    const upload = { ...headers, 'Content-Type': 'application/octet-stream', 'Content-Length': 1 }
    const target = '/api/v1/ipfs/upload'
    expect(await exchange(port, `${head(`POST ${target}`, upload)}x`)).toMatch(/FORBIDDEN_ORIGIN/)
    const preflight = { ...headers, 'Access-Control-Request-Method': 'POST' }
    expect(await exchange(port, head(`OPTIONS ${target}`, preflight))).toMatch(/FORBIDDEN_ORIGIN/)
    expect((await api.node.list()).uploads).toEqual([])
  })
})
