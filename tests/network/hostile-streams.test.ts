import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { rawCid } from '../support/block-store.ts'
import { noise } from '../support/content.ts'
import { block, field, framed, inventedCid, varint, wantlist } from './bitswap-bytes.ts'
import { expectHeld, type HostilePeer, heldMegabytes, startHostile } from './hostile-peer.ts'
import { type Peer, put, startPeer, until, within } from './support.ts'

const MIB = 1024 ** 2
const good = noise(1000, 1)
const cid = rawCid(good)

/** Proves that `victim` still exchanges blocks, both ways, with a peer that means well. */
async function expectAlive(victim: Peer, hostile: HostilePeer): Promise<void> {
  // It would be asked first, and waited for.
  if (hostile.node.getConnections().length > 0) await victim.network.disconnect(hostile.id)
  await using honest = await startPeer()
  const [theirs, ours] = [randomBytes(500), randomBytes(500)]
  await put(honest, [theirs])
  await put(victim, [ours])
  await honest.network.connect(victim.address)
  await until(() => victim.network.peers().some(({ agent }) => agent === 'test/1'))
  expect(await victim.network.fetch(rawCid(theirs), within())).toHaveLength(500)
  expect(await honest.network.fetch(rawCid(ours), within())).toHaveLength(500)
}

async function startTwo(): Promise<
  AsyncDisposable & { readonly victim: Peer; readonly hostile: HostilePeer }
> {
  await using stack = new AsyncDisposableStack()
  const victim = stack.use(await startPeer())
  const hostile = stack.use(await startHostile())
  await hostile.connect(victim)
  const open = stack.move()
  return { victim, hostile, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** Bitswap streams that the node has open. */
const open = (hostile: HostilePeer) =>
  hostile.node
    .getConnections()
    .flatMap(({ streams }) => streams)
    .filter(({ protocol, status }) => protocol.includes('bitswap') && status === 'open')

const many = (count: number, part: Uint8Array) => Buffer.alloc(count * part.byteLength, part)

const REFUSED: readonly (readonly [string, Uint8Array])[] = [
  ['a message of 1 GiB', varint(1024 ** 3)],
  ['one byte more than a message may have', varint(limits.maxMessageBytes + 1)],
  ['a length that does not end', new Uint8Array(20).fill(0xff)],
  ['a length of zeros that does not end', new Uint8Array(20).fill(0x80)],
  ['a field that is longer than its message', framed(Uint8Array.of(0x0a, 100, 1))],
  ['a number that does not end', framed(new Uint8Array(20).fill(0xff))],
  ['a group, which Bitswap has not', framed(Uint8Array.of(0x0b))],
  ['100,000 empty wants', framed(field(1, many(100_000, Uint8Array.of(0x0a, 0))))],
  ['two million empty blocks', framed(many(2_000_000, Uint8Array.of(0x1a, 0)))],
  ['two million empty lists', framed(many(2_000_000, Uint8Array.of(0x0a, 0)))],
  ['a million unknown fields', framed(many(1_000_000, Uint8Array.of(0x78, 0)))],
]

test('a message that is none, or too much: the stream is closed, the node lives', async () => {
  await using two = await startTwo()
  const before = heldMegabytes()
  for (const [what, bytes] of REFUSED) {
    const stream = await two.hostile.open()
    stream.send(bytes)
    await until(() => stream.status === 'reset', 5000).catch(() => {})
    expect(stream.status, what).toBe('reset')
    await expectHeld(before, 60, what)
  }
  await expectAlive(two.victim, two.hostile)
})

test('what a message holds besides is passed over', async () => {
  await using two = await startTwo()
  const { victim, hostile } = two
  const fetched = victim.network.fetch(cid, within())
  await until(() => hostile.seen.length > 0)
  const unknown = Buffer.concat([
    Uint8Array.of(0x28, 7),
    field(15, noise(50, 1)),
    Uint8Array.of(0x79, ...new Uint8Array(8), 0x7d, ...new Uint8Array(4)),
  ])
  await hostile.say(unknown, new Uint8Array(0), block(good), unknown)
  expect(await fetched).toHaveLength(1000)
})

test('a message may come byte by byte, and several in one piece', async () => {
  await using two = await startTwo()
  const { victim, hostile } = two
  const more = noise(300, 2)
  const fetched = [cid, rawCid(more)].map((one) => victim.network.fetch(one, within()))
  await until(() => hostile.seen.length > 0)
  const bytes = Buffer.concat([framed(new Uint8Array(0)), framed(block(more)), framed(block(good))])
  const stream = await hostile.open()
  for (const byte of bytes.subarray(0, 400)) stream.send(Uint8Array.of(byte))
  stream.send(bytes.subarray(400))
  expect((await Promise.all(fetched)).map(({ byteLength }) => byteLength)).toEqual([1000, 300])
})

test.concurrent.each<[string, (stream: Stream) => unknown]>([
  ['stops', () => {}],
  ['closes its side', (stream) => stream.close()],
  ['resets the stream', (stream) => stream.abort(new Error('hostile'))],
  ['ends the connection', () => {}],
])('half a block, then it %s: the block comes from another peer', async (what, then) => {
  await using two = await startTwo()
  const { victim, hostile } = two
  await using honest = await startPeer()
  const large = noise(MIB, 3)
  await put(honest, [large])
  const fetched = victim.network.fetch(rawCid(large), within())
  await until(() => hostile.seen.length > 0)
  await victim.network.connect(honest.address)
  const stream = await hostile.open()
  stream.send(framed(block(large)).subarray(0, MIB / 2))
  await then(stream)
  if (what === 'ends the connection') await hostile.node.stop()
  expect(await fetched).toHaveLength(MIB)
})

test('whole messages of more than fits at a time wait their turn, and all arrive', async () => {
  await using two = await startTwo()
  const { victim, hostile } = two
  const large = Array.from({ length: 40 }, (_, seed) => noise(MIB, 100 + seed))
  const fetched = large.map((one) => victim.network.fetch(rawCid(one), within()))
  await until(() => hostile.seen.length > 0)
  await Promise.all(large.map((one) => hostile.say(block(one))))
  const lengths = (await Promise.all(fetched)).map(({ byteLength }) => byteLength)
  expect(lengths).toEqual(large.map(() => MIB))
})

test('messages of four large blocks, each there at once, all arrive', async () => {
  await using two = await startTwo()
  const { victim, hostile } = two
  const large = Array.from({ length: 40 }, (_, seed) => noise(MIB, 200 + seed))
  const fetched = large.map((one) => victim.network.fetch(rawCid(one), within(8000)))
  await until(() => hostile.seen.length > 0)
  for (let at = 0; at < large.length; at += 4) {
    await hostile.say(...large.slice(at, at + 4).map((one) => block(one)))
  }
  expect((await Promise.all(fetched)).map(({ byteLength }) => byteLength)).toEqual(
    large.map(() => MIB),
  )
})

test('halves of messages without end hold little, give way, and who sends wholes is heard', async () => {
  await using two = await startTwo()
  const { victim, hostile } = two
  const half = Buffer.concat([varint(limits.maxMessageBytes), Buffer.alloc(4 * MIB)])
  const before = heldMegabytes()
  const streams: Stream[] = []
  for (let at = 0; at < 20; at += 1) {
    const stream = await hostile.open()
    streams.push(stream)
    stream.send(half)
  }
  await expectHeld(before, 60)
  await using honest = await startPeer()
  const large = noise(MIB, 5)
  await put(honest, [large])
  await honest.network.connect(victim.address)
  await until(() => victim.network.peers().some(({ agent }) => agent === 'test/1'))
  const askedAt = Date.now()
  expect(await victim.network.fetch(rawCid(large), within())).toHaveLength(MIB)
  expect(Date.now() - askedAt).toBeLessThan(5000)
  // Others of the same peer wait: those that came in first, and stand still, are given up.
  await until(() => streams.slice(0, 3).every(({ status }) => status === 'reset'))
  await expectHeld(before, 60)
  await expectAlive(victim, hostile)
})

test('lengths alone, of messages that never come, hold nothing', async () => {
  await using two = await startTwo()
  const { victim, hostile } = two
  const before = heldMegabytes()
  for (let at = 0; at < 100; at += 1) {
    const stream = await hostile.open()
    // Those above the limit of streams are closed at once.
    if (stream.writeStatus === 'writable') stream.send(varint(limits.maxMessageBytes))
  }
  await until(() => open(hostile).length <= 64)
  await expectHeld(before, 30)
  await expectAlive(victim, hostile)
})

test('2,000 streams: few are open at a time', async () => {
  await using two = await startTwo()
  const { victim, hostile } = two
  const before = heldMegabytes()
  for (let at = 0; at < 20; at += 1) {
    await Promise.all(Array.from({ length: 100 }, () => hostile.open().catch(() => {})))
  }
  await until(() => open(hostile).length <= 64)
  await expectHeld(before, 80)
  await expectAlive(victim, hostile)
})

test('200 connections, opened and closed at once, leave nothing behind', async () => {
  await using victim = await startPeer()
  await using hostile = await startHostile()
  await put(victim, [good])
  await hostile.connect(victim)
  const heard = { warnings: 0 }
  const onWarning = () => {
    heard.warnings += 1
  }
  process.on('warning', onWarning)
  for (let at = 0; at < 200; at += 1) {
    await hostile.node.hangUp(hostile.node.getPeers()[0] ?? hostile.node.peerId)
    const missing = at % 4 === 0 ? victim.network.fetch(rawCid(noise(4, at)), within()) : undefined
    missing?.catch(() => {})
    await hostile.open().then(
      (stream) => stream.send(framed(wantlist([{ cid: inventedCid(at) }, { cid: cid.bytes }]))),
      () => {},
    )
  }
  await hostile.node.stop()
  await until(() => victim.network.peers().length === 0)
  process.off('warning', onWarning)
  expect(heard.warnings).toBe(0)
  await delay(50)
  expect(victim.network.waitingFor(cid)).toEqual([])
  await expectAlive(victim, hostile)
})
