import { readFile, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, Socket } from 'node:net'
import { join } from 'node:path'
import { peerIdFromString } from '@libp2p/peer-id'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/block-store.ts'
import { noise } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'
import { LOOPBACK, put, startPair, startPeer, until, within } from './support.ts'

test('tells who it is and whom it is connected to', async () => {
  await using pair = await startPair()
  const { a, b } = pair
  const { id, addresses, agent } = b.network.identity()
  expect(agent).toBe('test/1')
  expect(addresses).toEqual([expect.stringMatching(`^/ip4/127.0.0.1/tcp/\\d+/p2p/${id}$`)])
  await until(() => a.network.peers()[0]?.agent === 'test/1')
  expect(a.network.peers()).toEqual([
    {
      id,
      address: b.address,
      direction: 'outbound',
      openedAt: expect.stringMatching(/Z$/),
      agent: 'test/1',
      kept: false,
    },
  ])
  await until(() => b.network.peers().length === 1)
  expect(b.network.peers()[0]).toMatchObject({ direction: 'inbound' })
})

test('keeps its key, for its owner alone', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'network')
  const first = await startPeer({ path })
  const { id } = first.network.identity()
  await first[Symbol.asyncDispose]()
  const key = join(path, 'identity.key')
  expect((await stat(key)).mode & 0o777).toBe(0o600)
  await using second = await startPeer({ path })
  expect(second.network.identity().id).toBe(id)
})

test('a damaged key is told, and left as it is', async () => {
  await using folder = await temporaryFolder()
  const key = join(folder.path, 'identity.key')
  await writeFile(key, 'not a key')
  expect(await codeOf(startPeer({ path: folder.path }))).toBe('STORE_CORRUPT')
  expect(await readFile(key, 'utf8')).toBe('not a key')
})

test.each([
  ['what is no multiaddr', 'hello', 'INVALID_INPUT'],
  ['an address without a peer', '/ip4/127.0.0.1/tcp/4001', 'INVALID_INPUT'],
  [
    'a peer without an address',
    '/p2p/12D3KooWKZ4Ts2vZfjWxik6cpHGEx4ETaPhd3oYEv55fwHWgMwMC',
    'INVALID_INPUT',
  ],
  [
    'nobody',
    '/ip4/127.0.0.1/tcp/9/p2p/12D3KooWKZ4Ts2vZfjWxik6cpHGEx4ETaPhd3oYEv55fwHWgMwMC',
    'PEER_UNREACHABLE',
  ],
])('connecting to %s is %s', async (_, address, code) => {
  await using peer = await startPeer()
  expect(await codeOf(peer.network.connect(address))).toBe(code)
})

test('connecting to itself, or to somebody else than the address says, fails', async () => {
  await using a = await startPeer()
  await using b = await startPeer()
  expect(await codeOf(a.network.connect(a.address))).toBe('INVALID_INPUT')
  const other = b.address.replace(/[^/]+$/, '12D3KooWKZ4Ts2vZfjWxik6cpHGEx4ETaPhd3oYEv55fwHWgMwMC')
  expect(await codeOf(a.network.connect(other))).toBe('PEER_UNREACHABLE')
})

test('disconnects, once', async () => {
  await using pair = await startPair()
  const { id } = pair.b.network.identity()
  await pair.a.network.disconnect(id)
  expect(pair.a.network.peers()).toEqual([])
  expect(await codeOf(pair.a.network.disconnect(id))).toBe('PEER_UNREACHABLE')
  expect(await codeOf(pair.a.network.disconnect('nobody'))).toBe('INVALID_INPUT')
})

test('a port that is taken is told, or replaced', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const listen = [`/ip4/127.0.0.1/tcp/${port}`]
  expect(await codeOf(startPeer({ listen }))).toBe('ADDRESS_IN_USE')
  await using peer = await startPeer({ listen, anyPort: true })
  expect(peer.address).not.toContain(`/tcp/${port}/`)
  await new Promise((resolve) => server.close(resolve))
})

test('listens nowhere when it is told so, and still reaches others', async () => {
  await using alone = await startPeer({ listen: [] })
  await using other = await startPeer()
  expect(alone.network.identity().addresses).toEqual([])
  const [cid] = await put(other, [noise(100, 1)])
  await alone.network.connect(other.address)
  if (cid === undefined) throw new Error('not stored')
  expect(await alone.network.fetch(cid, within())).toHaveLength(100)
})

test('a kept peer is connected again after either side was away', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'b')
  let b = await startPeer({ path })
  const port = /tcp\/(\d+)/.exec(b.address)?.[1] ?? ''
  const listen = [`/ip4/127.0.0.1/tcp/${port}`]
  await using a = await startPeer({ peers: [b.address] })
  await until(() => a.network.peers().length === 1)
  expect(a.network.peers()[0]?.kept).toBe(true)
  await b[Symbol.asyncDispose]()
  await until(() => a.network.peers().length === 0)
  b = await startPeer({ path, listen })
  await using _b = b
  const [cid] = await put(b, [noise(3000, 9)])
  if (cid === undefined) throw new Error('not stored')
  // The question waits for the peer that is being dialled.
  expect(await a.network.fetch(cid, within())).toHaveLength(3000)
}, 20_000)

test.each([
  ['its ID', (id: string) => id],
  ['its ID as a CID', (id: string) => peerIdFromString(id).toCID().toString()],
])('a kept peer that is disconnected by hand, by %s, stays away', async (_, written) => {
  await using b = await startPeer()
  await using a = await startPeer({ peers: [b.address] })
  await until(() => a.network.peers().length === 1)
  await a.network.disconnect(written(b.network.identity().id))
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect(a.network.peers()).toEqual([])
})

test('fifty programs of this machine may connect within a second', async () => {
  await using peer = await startPeer()
  const port = Number(/tcp\/(\d+)/.exec(peer.address)?.[1])
  const sockets = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = new Socket().connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await new Promise((resolve) => socket.once('connect', resolve))
      return socket
    }),
  )
  for (const socket of sockets) socket.destroy()
  await using other = await startPeer({ listen: [LOOPBACK] })
  const connection = await other.network.connect(peer.address)
  expect(connection.id).toBe(peer.network.identity().id)
})
