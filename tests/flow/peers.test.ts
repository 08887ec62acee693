import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { createStorageNode, type StorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { collected, MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'

vi.setConfig({ testTimeout: 30_000 })

const LOOPBACK = { listen: ['/ip4/127.0.0.1/tcp/0'] }
const NOBODY = '12D3KooWKZ4Ts2vZfjWxik6cpHGEx4ETaPhd3oYEv55fwHWgMwMC'

function openNode(network: Parameters<typeof createStorageNode>[0]['network'] = LOOPBACK) {
  return createStorageNode({ storage: 'memory', network })
}

async function addressOf(node: StorageNode): Promise<string> {
  const [address] = (await node.id()).addresses
  if (address === undefined) throw new Error('it listens nowhere')
  return address
}

/** A listener that takes connections and never says a word. */
async function silentAddress() {
  const sockets = new Set<{ destroy(): void }>()
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}).resume()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}/p2p/${NOBODY}`,
    accepted: once(server, 'connection'),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('two nodes of one program', () => {
  it('find each other by what `id` tells, and one reads what the other has', async () => {
    await using a = await openNode()
    await using b = await openNode()
    const { id, agent } = await b.id()
    expect(await a.peers()).toEqual([])
    const connection = await a.connectPeer(await addressOf(b))
    expect(connection).toMatchObject({ id, address: await addressOf(b), direction: 'outbound' })
    await vi.waitFor(async () => {
      expect(await a.peers()).toEqual([{ ...connection, agent }])
      expect(await b.peers()).toMatchObject([{ id: (await a.id()).id, direction: 'inbound' }])
    })
    const content = noise(3 * MIB + 1)
    const { cid } = await b.upload(content)
    expect(await codeOf(a.download(cid, { offline: true }).bytes())).toBe('CONTENT_NOT_FOUND')
    expect(await codeOf(a.stat(cid, { offline: true }))).toBe('CONTENT_NOT_FOUND')
    expect(sameBytes(await collected(a.download(cid)), content)).toBe(true)
    await a.disconnectPeer(id)
    expect(await a.peers()).toEqual([])
    expect(sameBytes(await collected(a.download(cid, { offline: true })), content)).toBe(true)
  })

  it('are connected by their options, and stay the same after a restart', async () => {
    await using folder = await temporaryFolder()
    await using b = await openNode()
    const network = { ...LOOPBACK, peers: [await addressOf(b)] }
    const dataDir = join(folder.path, 'a')
    const ids = new Set<string>()
    for (let run = 0; run < 2; run += 1) {
      await using a = await createStorageNode({ dataDir, network })
      ids.add((await a.id()).id)
      await vi.waitFor(async () => expect(await a.peers()).toMatchObject([{ kept: true }]))
    }
    expect(ids.size).toBe(1)
  })
})

it('a node without the network has no peers, and says how to have some', async () => {
  for (const options of [{}, { network: 'off' as const }]) {
    await using node = await createStorageNode({ storage: 'memory', ...options })
    const calls = [node.id(), node.peers(), node.connectPeer('x'), node.disconnectPeer('x')]
    for (const failure of await Promise.all(calls.map(failureOf))) {
      expect(failure.code).toBe('NETWORK_OFF')
      expect(failure.hint).toContain('network: {')
    }
  }
})

it('a closed node is NODE_CLOSED', async () => {
  const node = await openNode()
  await node.close()
  const calls = [node.id(), node.peers(), node.connectPeer('x'), node.disconnectPeer('x')]
  expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => 'NODE_CLOSED'))
})

it('closing ends a dial that waits: NODE_CLOSED; a signal does: CANCELLED', async () => {
  await using silent = await silentAddress()
  const node = await openNode()
  const control = new AbortController()
  const cancelled = codeOf(node.connectPeer(silent.address, { signal: control.signal }))
  const closed = codeOf(node.connectPeer(silent.address))
  await silent.accepted
  control.abort()
  expect(await cancelled).toBe('CANCELLED')
  await node.close()
  expect(await closed).toBe('NODE_CLOSED')
})

describe('a node does not start', () => {
  it.each([
    ['a peer without an ID', { peers: ['/ip4/127.0.0.1/tcp/4001'] }],
    ['a peer that is no multiaddr', { peers: ['localhost'] }],
    ['a place to listen that is no multiaddr', { listen: ['127.0.0.1:4001'] }],
    [
      'too many peers',
      { peers: Array(limits.maxKeptPeers + 1).fill(`/ip4/127.0.0.1/tcp/9/p2p/${NOBODY}`) },
    ],
  ])('with %s: INVALID_INPUT', async (_, network) => {
    const failure = await failureOf(openNode({ ...LOOPBACK, ...network }))
    expect(failure.code).toBe('INVALID_INPUT')
    expect(failure.hint).not.toBe(undefined)
  })
})
