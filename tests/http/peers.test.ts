import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { limits } from '../../src/core/limits.ts'
import { createStorageNode, type StorageNode } from '../../src/node/storage-node.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { file, problemOf, startApi, type TestApi, until } from './support/api.ts'
import { exchange, head, open } from './support/raw-client.ts'

const LOOPBACK = { listen: ['/ip4/127.0.0.1/tcp/0'] }
const NOBODY = '12D3KooWKZ4Ts2vZfjWxik6cpHGEx4ETaPhd3oYEv55fwHWgMwMC'

const stack = new AsyncDisposableStack()
let api: TestApi
let other: StorageNode
let address: string
let otherId: string

beforeAll(async () => {
  api = stack.use(await startApi({ network: LOOPBACK, bounds: { idleBodyMs: 300 } }))
  other = stack.use(await createStorageNode({ storage: 'memory', network: LOOPBACK }))
  const { id, addresses } = await other.id()
  otherId = id
  address = addresses[0] ?? ''
})
afterAll(() => stack.disposeAsync())

beforeEach(async () => {
  for (const { id } of await api.node.peers()) await api.node.disconnectPeer(id)
  await until(async () => (await other.peers()).length === 0)
})

function post(
  body: string | Buffer<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${api.ipfs}/peers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
}

function connect(to: unknown): Promise<Response> {
  return post(JSON.stringify({ address: to }))
}

function disconnect(id: string): Promise<Response> {
  return fetch(`${api.ipfs}/peers/${encodeURIComponent(id)}`, { method: 'DELETE' })
}

async function listed(): Promise<unknown> {
  const response = await fetch(`${api.ipfs}/peers`)
  expect(response.status).toBe(200)
  const { peers, ...more } = JSON.parse(await response.text())
  expect(more).toEqual({})
  return peers
}

/** A listener that takes connections and never says a word. */
async function silentServer(): Promise<AsyncDisposable & { server: Server; address: string }> {
  const sockets = new Set<{ destroy(): void }>()
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}).resume()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    server,
    address: `/ip4/127.0.0.1/tcp/${port}/p2p/${NOBODY}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('/id', () => {
  test('tells who the node is', async () => {
    const response = await fetch(`${api.ipfs}/id`)
    expect(response.status).toBe(200)
    const told = JSON.parse(await response.text())
    expect(told).toEqual({ ...(await api.node.id()) })
    expect(told.id).toMatch(/^12D3KooW/)
    expect(told.addresses).toEqual([
      expect.stringMatching(`^/ip4/127.0.0.1/tcp/[1-9]\\d*/p2p/${told.id}$`),
    ])
    expect(told.agent).toMatch(/^prsm-ipfs\/\d/)
  })

  test.each(['id', 'peers'])('/%s answers HEAD too', async (path) => {
    const response = await fetch(`${api.ipfs}/${path}`, { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  })
})

describe('/peers', () => {
  test('is empty, has who is connected, and is empty again', async () => {
    expect(await listed()).toEqual([])

    const connected = await connect(address)
    expect(connected.status).toBe(200)
    expect(await connected.json()).toMatchObject({
      id: otherId,
      address,
      direction: 'outbound',
      openedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      kept: false,
    })
    await until(async () => (await api.node.peers())[0]?.agent !== undefined)
    const peers = await listed()
    expect(peers).toEqual(await api.node.peers())
    expect(peers).toEqual([
      expect.objectContaining({ id: otherId, agent: (await other.id()).agent }),
    ])

    const gone = await disconnect(otherId)
    expect([gone.status, await gone.text()]).toEqual([204, ''])
    expect(await listed()).toEqual([])
  })

  test('connecting twice keeps one connection', async () => {
    const [first, second] = await Promise.all([connect(address), connect(address)])
    expect([first.status, second.status]).toEqual([200, 200])
    expect((await connect(address)).status).toBe(200)
    expect((await api.node.peers()).map(({ id }) => id)).toEqual([otherId])
  })

  test('an inbound connection is listed as one', async () => {
    const [own = ''] = (await api.node.id()).addresses
    await other.connectPeer(own)
    await until(async () => (await api.node.peers()).length > 0)
    const peers = await listed()
    expect(peers).toEqual([expect.objectContaining({ id: otherId, direction: 'inbound' })])
  })

  test.each([
    ['no body', ''],
    ['half an object', '{"address":'],
    ['no object', '"/ip4/127.0.0.1/tcp/1"'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another field', '{"addr":"x"}'],
    ['a field more', `{"address":"/ip4/127.0.0.1/tcp/1/p2p/${NOBODY}","force":true}`],
    ['a number', '{"address":4001}'],
    ['an empty address', '{"address":""}'],
    ['too long an address', JSON.stringify({ address: 'x'.repeat(limits.maxPathBytes + 1) })],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00])],
  ])('a body that has %s is 400', async (_, body) => {
    const problem = await problemOf(await post(body))
    expect(problem).toMatchObject({ status: 400, code: 'INVALID_INPUT' })
  })

  test.each([
    ['what is no multiaddr', 'hello'],
    ['a host name', 'localhost:4001'],
    ['a URL', 'http://127.0.0.1:4001'],
    ['an address without a peer', '/ip4/127.0.0.1/tcp/4001'],
    ['a peer without an address', `/p2p/${NOBODY}`],
    ['a peer that is none', '/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW'],
    ['a port that is none', `/ip4/127.0.0.1/tcp/70000/p2p/${NOBODY}`],
    ['an address that is none', `/ip4/1.2.3/tcp/1/p2p/${NOBODY}`],
    ['a protocol nobody knows', `/ip4/127.0.0.1/frob/1/p2p/${NOBODY}`],
    ['control characters', '/ip4/127.0.0.1/tcp/1\u001b[31m\n'],
  ])('%s is 400, with what to give', async (_, to) => {
    const problem = await problemOf(await connect(to))
    expect(problem).toMatchObject({ status: 400, code: 'INVALID_INPUT' })
    expect(problem['hint']).toMatch(/prsm id|12D3KooW/)
  })

  test('itself is 400', async () => {
    const [own] = (await api.node.id()).addresses
    expect(await problemOf(await connect(own))).toMatchObject({
      status: 400,
      code: 'INVALID_INPUT',
    })
  })

  test.each([
    ['nobody listens', () => `/ip4/127.0.0.1/tcp/9/p2p/${NOBODY}`],
    ['somebody else answers', () => address.replace(/[^/]+$/, NOBODY)],
    ['the way there is not spoken here', () => `/ip4/127.0.0.1/udp/9/quic-v1/p2p/${NOBODY}`],
  ])('where %s it is 502', async (_, to) => {
    const problem = await problemOf(await connect(to()))
    expect(problem).toMatchObject({ status: 502, code: 'PEER_UNREACHABLE' })
    expect(problem.detail).toContain('cannot be reached')
    expect(problem['hint']).toContain('prsm id')
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])(
    'a body of the type %j is 415',
    async (type) => {
      const response = await post(JSON.stringify({ address }), { 'content-type': type })
      const problem = await problemOf(response)
      expect(problem).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' })
      expect(problem['hint']).toContain('application/json')
      expect(await api.node.peers()).toEqual([])
    },
  )

  test('an encoded body is 415', async () => {
    const problem = await problemOf(await post('x', { 'content-encoding': 'gzip' }))
    expect(problem).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' })
  })

  test('a charset and capitals in the type are fine', async () => {
    const body = JSON.stringify({ address })
    const type = 'Application/JSON; charset=utf-8'
    expect((await post(body, { 'content-type': type })).status).toBe(200)
  })

  test('a body without a type is 415', async () => {
    const body = JSON.stringify({ address })
    const headers = { 'Content-Length': body.length, Connection: 'close' }
    const line = head('POST /api/v1/ipfs/peers', headers)
    const answer = await exchange(api.server.port, `${line}${body}`)
    expect(answer).toMatch(/^HTTP\/1\.1 415 /)
    expect(answer).toContain('send application/json')
  })

  test('a request without a body is 400', async () => {
    const { port } = api.server
    const line = head('POST /api/v1/ipfs/peers', {
      'Content-Type': 'application/json',
      Connection: 'close',
    })
    const answer = await exchange(port, line)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('no body')
  })

  test('too long a body is 413, before it is sent where its length is told', async () => {
    const told = await problemOf(await post(Buffer.alloc(limits.maxJsonBodyBytes + 1, ' ')))
    expect(told).toMatchObject({
      status: 413,
      code: 'UPLOAD_TOO_LARGE',
      details: { maxBytes: limits.maxJsonBodyBytes },
    })
    expect(told.detail).toContain('JSON')
    const { socket, received } = await open(api.server.port)
    socket.write(
      head('POST /api/v1/ipfs/peers', {
        'Content-Type': 'application/json',
        'Content-Length': 10 ** 9,
        Expect: '100-continue',
      }),
    )
    await received.saw(/^HTTP\/1\.1 413 /)
    expect(received.text()).not.toContain('100 Continue')
    socket.destroy()
  })

  test('an endless body is 413 when it is over the limit', async () => {
    const { socket, received } = await open(api.server.port)
    socket.write(
      head('POST /api/v1/ipfs/peers', {
        'Content-Type': 'application/json',
        'Transfer-Encoding': 'chunked',
      }),
    )
    const piece = `4000\r\n${' '.repeat(0x4000)}\r\n`
    for (let sent = 0; sent <= limits.maxJsonBodyBytes; sent += 0x4000) socket.write(piece)
    await received.saw(/^HTTP\/1\.1 413 /)
    socket.destroy()
  })

  test('a body that stops midway is an error, not a wait', async () => {
    const { socket, received } = await open(api.server.port)
    socket.write(
      head('POST /api/v1/ipfs/peers', {
        'Content-Type': 'application/json',
        'Content-Length': 100,
      }),
    )
    socket.write('{"address":')
    await received.saw(/^HTTP\/1\.1 400 [\s\S]*UPLOAD_INCOMPLETE/)
    socket.destroy()
  })

  test('a client that goes away ends the dialling', async () => {
    await using silent = await silentServer()
    const control = new AbortController()
    const accepted = once(silent.server, 'connection')
    const asking = fetch(`${api.ipfs}/peers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address: silent.address }),
      signal: control.signal,
    })
    const failed = expect(asking).rejects.toThrow(/abort/i)
    const [socket] = await accepted
    const closed = once(socket, 'close')
    control.abort()
    await failed
    // Well before the time a dial may take.
    await closed
    await until(() => api.log.some((line) => JSON.stringify(line).includes('CANCELLED')))
  })

  test('a page of another origin connects nobody', async () => {
    const response = await post(JSON.stringify({ address }), { origin: 'http://example.com' })
    expect(await problemOf(response)).toMatchObject({ status: 403, code: 'FORBIDDEN_ORIGIN' })
    expect(await api.node.peers()).toEqual([])
  })
})

describe('DELETE /peers/{id}', () => {
  test('of who is not connected is 502, with where to look', async () => {
    const problem = await problemOf(await disconnect(NOBODY))
    expect(problem).toMatchObject({ status: 502, code: 'PEER_UNREACHABLE' })
    expect(problem['hint']).toContain('prsm peer ls')
  })

  test.each(['hello', '12D3KooW', '1', 'Q', '...', 'a/b', '\u001b[31m', 'x'.repeat(3000)])(
    '%j is no peer ID: 400',
    async (id) => {
      const problem = await problemOf(await disconnect(id))
      expect(problem).toMatchObject({ status: 400, code: 'INVALID_INPUT' })
      expect(problem.detail.length).toBeLessThan(400)
    },
  )

  test('takes an ID in its other form, as a CID', async () => {
    await connect(address)
    const { peerIdFromString } = await import('@libp2p/peer-id')
    const gone = await disconnect(peerIdFromString(otherId).toCID().toString())
    expect(gone.status).toBe(204)
    expect(await api.node.peers()).toEqual([])
  })

  test('other methods are 405', async () => {
    const response = await fetch(`${api.ipfs}/peers/${NOBODY}`)
    expect(response.headers.get('allow')).toBe('DELETE')
    expect(await problemOf(response)).toMatchObject({ status: 405 })
  })
})

describe('a daemon without the network', () => {
  test.each([
    ['GET', 'id'],
    ['GET', 'peers'],
    ['POST', 'peers'],
    ['DELETE', `peers/${NOBODY}`],
  ])('answers %s /%s with 409', async (method, path) => {
    await using off = await startApi()
    const response = await fetch(`${off.ipfs}/${path}`, {
      method,
      ...(method === 'POST'
        ? {
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ address }),
          }
        : {}),
    })
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ status: 409, code: 'NETWORK_OFF' })
    expect(problem['hint']).toContain('PRSM_NETWORK')
  })
})

describe('offline=true', () => {
  const paths = ['', 'stat/', 'ls/']

  test('asks nobody, without it the same content comes', async () => {
    const { cid } = await other.upload({ entries: Readable.from([file('a', 'abc')]) })
    await connect(address)
    for (const path of paths) {
      const offline = await fetch(`${api.ipfs}/${path}${cid}?offline=true`)
      const problem = await problemOf(offline)
      expect(problem).toMatchObject({ status: 404, code: 'CONTENT_NOT_FOUND' })
      expect(problem['details']).not.toHaveProperty('answers')
    }
    const metrics = await api.node.metrics.registry.metrics()
    expect(metrics).not.toMatch(/^prsm_fetched_blocks_total.* [1-9]/m)
    for (const path of [`${cid}/a`, `stat/${cid}`, `ls/${cid}?offline=false`]) {
      const response = await fetch(`${api.ipfs}/${path}`)
      expect({ path, status: response.status }).toEqual({ path, status: 200 })
      await response.body?.cancel()
    }
    const here = await fetch(`${api.ipfs}/${cid}/a?offline=true`)
    expect(await here.text()).toBe('abc')
  })

  test.each(paths.flatMap((path) => ['1', 'yes', '', 'TRUE'].map((value) => [path, value])))(
    '/%s with offline=%j is 400',
    async (path, value) => {
      const response = await fetch(`${api.ipfs}/${path}${NOBODY_CID}?offline=${value}`)
      const problem = await problemOf(response)
      expect(problem).toMatchObject({ status: 400, code: 'INVALID_INPUT' })
      expect(problem.detail).toContain('offline')
    },
  )
})

const NOBODY_CID = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk4'

describe('the client', () => {
  test('has the same methods as a node', async () => {
    await using client = createClient({ url: api.server.url })
    expect(await client.id()).toEqual(await api.node.id())
    const connection = await client.connectPeer(address)
    expect(connection).toMatchObject({ id: otherId, direction: 'outbound', kept: false })
    expect(await client.peers()).toEqual(await api.node.peers())
    expect(await client.disconnectPeer(otherId)).toBeUndefined()
    expect(await client.peers()).toEqual([])
    const failure = await failureOf(client.disconnectPeer(otherId))
    expect(failure).toMatchObject({
      code: 'PEER_UNREACHABLE',
      hint: expect.stringContaining('peer ls'),
    })
  })

  test.each(['', 'hello', '.', '..', 'a/b?c#d', '%', '\ud800', 'x'.repeat(3000)])(
    'tells of %j that it is no peer',
    async (text) => {
      await using client = createClient({ url: api.server.url })
      expect(await codeOf(client.disconnectPeer(text))).toBe('INVALID_INPUT')
      expect(await codeOf(client.connectPeer(text))).toBe('INVALID_INPUT')
    },
  )

  test('can be cancelled while a peer is dialled', async () => {
    await using client = createClient({ url: api.server.url })
    await using silent = await silentServer()
    const control = new AbortController()
    silent.server.once('connection', () => control.abort())
    const { signal } = control
    expect(await codeOf(client.connectPeer(silent.address, { signal }))).toBe('CANCELLED')
    expect(await codeOf(client.id({ signal }))).toBe('CANCELLED')
    expect(await codeOf(client.peers({ signal }))).toBe('CANCELLED')
    expect(await codeOf(client.disconnectPeer(otherId, { signal }))).toBe('CANCELLED')
  })

  test('tells that the network is off, or that nobody answers', async () => {
    await using off = await startApi()
    await using client = createClient({ url: off.server.url })
    await using nobody = createClient({ url: 'http://127.0.0.1:9' })
    for (const [{ id, peers, connectPeer, disconnectPeer }, code] of [
      [methodsOf(client), 'NETWORK_OFF'],
      [methodsOf(nobody), 'DAEMON_UNREACHABLE'],
    ] as const) {
      const calls = [id(), peers(), connectPeer(address), disconnectPeer(otherId)]
      expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => code))
    }
  })

  test('offline asks no peer', async () => {
    await using client = createClient({ url: api.server.url })
    await client.connectPeer(address)
    const { cid } = await other.upload('only there, and only there')
    const offline = true
    const calls: Promise<unknown>[] = [
      client.stat(cid, { offline }),
      client.download(cid, { offline }).bytes(),
      Array.fromAsync(client.ls(cid, { offline })),
      client.downloadTo(cid, '/nonexistent/never', { offline }),
    ]
    expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => 'CONTENT_NOT_FOUND'))
    expect((await client.stat(cid)).bytes).toBe(26)
    expect(Buffer.from(await client.download(cid, { offline }).bytes()).toString()).toBe(
      'only there, and only there',
    )
  })
})

function methodsOf(client: ReturnType<typeof createClient>) {
  return {
    id: () => client.id(),
    peers: () => client.peers(),
    connectPeer: (to: string) => client.connectPeer(to),
    disconnectPeer: (id: string) => client.disconnectPeer(id),
  }
}
