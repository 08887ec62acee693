import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { noise, sleep, startApi, type TestApi, type TestApiOptions, until } from './support/api.ts'
import { exchange, head, open } from './support/raw-client.ts'

const UPLOAD = 'POST /api/v1/ipfs/upload'
const OCTETS = { 'Content-Type': 'application/octet-stream' }
const MIB = 2 ** 20

const running: TestApi[] = []
async function start(options: TestApiOptions = {}): Promise<TestApi> {
  const api = await startApi(options)
  running.push(api)
  return api
}
afterEach(async () => {
  for (const api of running.splice(0)) await api[Symbol.asyncDispose]()
})

/** What the counter of operations says of uploads. */
async function uploadsEnded(api: TestApi): Promise<Record<string, number>> {
  const { values } = await api.node.metrics.operations.get()
  const uploads = values.filter(({ labels }) => labels.operation === 'upload')
  return Object.fromEntries(uploads.map(({ labels, value }) => [String(labels.status), value]))
}

describe('an upload over the limit', () => {
  test('is refused before a byte of it came', async () => {
    const api = await start({ maxFileBytes: 1000 })
    const { socket, received } = await open(api.server.port)
    socket.write(head(UPLOAD, { ...OCTETS, 'Content-Length': 1001 }))
    await received.saw(/"code":"UPLOAD_TOO_LARGE".*\}/)
    expect(received.text()).toMatch(/^HTTP\/1\.1 413 /)
    socket.end()
  })

  test('shows its answer to a client that sends all of it first', async () => {
    const api = await start({ maxFileBytes: 1000 })
    const { socket, received } = await open(api.server.port)
    socket.pause()
    socket.write(head(UPLOAD, { ...OCTETS, 'Content-Length': 30 * MIB }))
    for (let sent = 0; sent < 30; sent += 1) {
      if (!socket.write(Buffer.alloc(MIB))) await once(socket, 'drain')
    }
    socket.resume()
    await received.closed
    expect(received.text()).toMatch(/^HTTP\/1\.1 413 /)
    expect(received.text()).toMatch(/UPLOAD_TOO_LARGE/)
    expect(received.text()).toMatch(/connection: close/i)
  })

  test('is read no further than the bytes that are borne', async () => {
    const api = await start({ maxFileBytes: 1000, bounds: { refusedBodyBytes: 2 * MIB } })
    const { socket, received } = await open(api.server.port)
    socket.write(head(UPLOAD, { ...OCTETS, 'Content-Length': 1000 * MIB }))
    await received.saw(/UPLOAD_TOO_LARGE/)
    let sent = 0
    while (!socket.destroyed && sent < 200) {
      const flushed = socket.write(Buffer.alloc(MIB), () => undefined)
      sent += 1
      if (!flushed) await Promise.race([once(socket, 'drain').catch(() => 0), received.closed])
    }
    await received.closed
    expect(sent).toBeLessThan(100)
  })

  test('is borne no longer than the time that is allowed', async () => {
    const api = await start({ maxFileBytes: 1000, bounds: { refusedBodyMs: 200 } })
    const { socket, received } = await open(api.server.port)
    socket.write(head(UPLOAD, { ...OCTETS, 'Content-Length': 1000 * MIB }))
    await received.closed
    expect(received.text()).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('is seen while it is counted, chunked', async () => {
    const api = await start({ maxFileBytes: 1000 })
    const { socket, received } = await open(api.server.port)
    socket.write(head(UPLOAD, { ...OCTETS, 'Transfer-Encoding': 'chunked' }))
    socket.write(`400\r\n${'x'.repeat(1024)}\r\n`)
    await received.saw(/UPLOAD_TOO_LARGE/)
    socket.end()
    expect((await api.node.list()).uploads).toEqual([])
  })
})

describe('Expect: 100-continue', () => {
  const expecting = { ...OCTETS, Expect: '100-continue' }

  test('is answered with 100, and the body is stored', async () => {
    const api = await start()
    const { socket, received } = await open(api.server.port)
    socket.write(head(`${UPLOAD}?filename=x`, { ...expecting, 'Content-Length': 5 }))
    await received.saw(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    socket.write('hello')
    await received.saw(/HTTP\/1\.1 201 Created/)
    socket.end()
  })

  test.each([
    ['too large', UPLOAD, { ...expecting, 'Content-Length': 1001 }, 413],
    [
      'of another media type',
      UPLOAD,
      { ...expecting, 'Content-Type': 'a/b', 'Content-Length': 9 },
      415,
    ],
    ['with a bad query', `${UPLOAD}?x=1`, { ...expecting, 'Content-Length': 9 }, 400],
    ['for another host', UPLOAD, { ...expecting, Host: 'evil.example', 'Content-Length': 9 }, 403],
    ['for no route', 'POST /nowhere', { ...expecting, 'Content-Length': 9 }, 404],
  ])('%s is refused without asking for the body', async (_name, line, headers, status) => {
    const api = await start({ maxFileBytes: 1000, bounds: { refusedBodyMs: 100 } })
    const text = await exchange(api.server.port, head(line, headers))
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(text).not.toContain('100 Continue')
  })
})

describe('a body that does not come whole', () => {
  test.each([
    ['with a length, half-closed', { 'Content-Length': 10 }, 'five5', 'end'],
    ['with a length, reset', { 'Content-Length': 10 }, 'five5', 'resetAndDestroy'],
    ['chunked, half-closed', { 'Transfer-Encoding': 'chunked' }, '5\r\nfive5\r\n', 'end'],
    ['chunked, reset', { 'Transfer-Encoding': 'chunked' }, '5\r\nfive5\r\n', 'resetAndDestroy'],
  ] as const)('%s, is never stored', async (_name, headers, body, ending) => {
    const api = await start()
    const { socket, received } = await open(api.server.port)
    socket.write(head(`${UPLOAD}?filename=cut`, { ...OCTETS, ...headers }) + body)
    await sleep(50)
    socket[ending]()
    await received.closed
    await until(async () => Object.values(await uploadsEnded(api)).length > 0)
    expect(Object.keys(await uploadsEnded(api))).not.toContain('ok')
    expect((await api.node.list()).uploads).toEqual([])
    expect(received.text()).not.toMatch(/HTTP\/1\.1 2/)
  })

  test('as a form, is never stored', async () => {
    const api = await start()
    const { socket, received } = await open(api.server.port)
    const type = { 'Content-Type': 'multipart/form-data; boundary=x', 'Content-Length': 5000 }
    const part = '--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    socket.write(head(UPLOAD, type) + part + 'y'.repeat(1000))
    await sleep(50)
    socket.resetAndDestroy()
    await received.closed
    await until(async () => Object.values(await uploadsEnded(api)).length > 0)
    expect(Object.keys(await uploadsEnded(api))).not.toContain('ok')
    expect((await api.node.list()).uploads).toEqual([])
  })

  test('for too long, is cancelled with words', async () => {
    const api = await start({ bounds: { idleBodyMs: 200 } })
    const { socket, received } = await open(api.server.port)
    socket.write(`${head(UPLOAD, { ...OCTETS, 'Content-Length': 10 })}five5`)
    await received.closed
    expect(received.text()).toMatch(/^HTTP\/1\.1 400 /)
    expect(received.text()).toMatch(/"code":"UPLOAD_INCOMPLETE".*no byte/)
    expect((await api.node.list()).uploads).toEqual([])
  })

  test('as a form, for too long, is cancelled with words', async () => {
    const api = await start({ bounds: { idleBodyMs: 200 } })
    const type = { 'Content-Type': 'multipart/form-data; boundary=x', 'Content-Length': 5000 }
    const text = await exchange(api.server.port, `${head(UPLOAD, type)}--x\r\nContent-`)
    expect(text).toMatch(/UPLOAD_INCOMPLETE.*no byte/)
  })

  test('slowly, but with progress, is taken', async () => {
    const api = await start({ bounds: { idleBodyMs: 1000, headMs: 500 } })
    const { socket, received } = await open(api.server.port)
    socket.write(head(`${UPLOAD}?filename=slow`, { ...OCTETS, 'Content-Length': 6 }))
    for (const byte of 'slowly') {
      await sleep(300)
      socket.write(byte)
    }
    await received.saw(/HTTP\/1\.1 201 Created/)
    socket.end()
  }, 15_000)

  test('because the client goes away, is cancelled, and leaves no name', async () => {
    const api = await start()
    const gone = new AbortController()
    const body = (async function* () {
      for (let at = 0; at < 5; at += 1) yield noise(MIB, at + 1)
      gone.abort()
      await sleep(60_000)
    })()
    const sent = fetch(`${api.ipfs}/upload?filename=gone`, {
      method: 'POST',
      body,
      duplex: 'half',
      headers: OCTETS,
      signal: gone.signal,
    } as RequestInit)
    await expect(sent).rejects.toThrow()
    await until(async () => Object.values(await uploadsEnded(api)).length > 0)
    expect(await uploadsEnded(api)).not.toHaveProperty('ok')
    expect((await api.node.list()).uploads).toEqual([])
    await until(() => api.log.some((line) => line['status'] === 499))
    expect((await fetch(`${api.ipfs}/status`)).status).toBe(200)
  })
})

describe('a connection', () => {
  test('is kept for the next request after a whole upload', async () => {
    const api = await start()
    const { socket, received } = await open(api.server.port)
    for (const name of ['one', 'two']) {
      socket.write(
        `${head(`${UPLOAD}?filename=${name}`, { ...OCTETS, 'Content-Length': 3 })}${name}`,
      )
      await received.saw(new RegExp(`"filename":"${name}"`))
    }
    socket.end()
    expect(received.text()).not.toMatch(/connection: close/i)
  })

  test('without a body header has no upload', async () => {
    const api = await start()
    const text = await exchange(api.server.port, head(UPLOAD, { ...OCTETS, Connection: 'close' }))
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(text).toMatch(/no body/)
  })
})
