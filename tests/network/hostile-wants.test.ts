import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { noise } from '../support/content.ts'
import { inventedCid, RAW_PREFIX, wantlist } from './bitswap-bytes.ts'
import { expectHeld, type HostilePeer, heldMegabytes, startHostile } from './hostile-peer.ts'
import { put, startPeer, until, within } from './support.ts'

const MIB = 1024 ** 2
const good = noise(1000, 1)

/** The numbers of blocks, and of words on blocks, that came to a peer. */
const blocksOf = ({ seen }: HostilePeer) => seen.flatMap(({ blocks }) => blocks)
const wordsOf = ({ seen }: HostilePeer) => seen.flatMap(({ presences }) => presences)

/** 64 blocks of 1 MiB: what is wanted of them by one who reads nothing is not loaded. */
const large = () => {
  const bytes = noise(MIB, 2)
  return Array.from({ length: 64 }, (_, at) => {
    const block = bytes.slice()
    block[0] = at
    return block
  })
}

test('200,000 wants of one that reads nothing: little is loaded, and others are served', async () => {
  await using victim = await startPeer()
  const cids = await put(victim, large())
  const [small] = await put(victim, [good])
  await using deaf = await startHostile({ isDeaf: true })
  await using honest = await startPeer()
  await deaf.connect(victim)
  await honest.network.connect(victim.address)
  await until(() => victim.network.peers().every(({ agent }) => agent !== undefined))
  const before = heldMegabytes()
  for (let round = 0; round < 20; round += 1) {
    const wants = Array.from({ length: 5000 }, (_, at) => ({ cid: inventedCid(round * 5000 + at) }))
    const present = Array.from({ length: 5000 }, (_, at) => {
      const cid = cids[at % cids.length]?.bytes ?? RAW_PREFIX
      return { cid, have: at % 3 === 0 }
    })
    await deaf.say(wantlist([...present, ...wants]))
  }
  await expectHeld(before, 60)
  const started = performance.now()
  if (small === undefined) throw new Error('not stored')
  expect(await honest.network.fetch(small, within())).toHaveLength(1000)
  expect(performance.now() - started).toBeLessThan(1500)
})

test('six that want much and read nothing do not keep a seventh from it', async () => {
  await using stack = new AsyncDisposableStack()
  const victim = stack.use(await startPeer())
  const cids = await put(victim, large())
  const wants = cids.map(({ bytes }) => ({ cid: bytes }))
  for (let at = 0; at < 6; at += 1) {
    const deaf = stack.use(await startHostile({ isDeaf: true }))
    await deaf.connect(victim)
    await deaf.say(wantlist(wants))
  }
  const honest = stack.use(await startPeer())
  await honest.network.connect(victim.address)
  const blocks = await Promise.all(
    cids.slice(0, 16).map((cid) => honest.network.fetch(cid, within())),
  )
  expect(blocks).toHaveLength(16)
})

test('what is asked of blocks, by one that reads nothing, does not pile up', async () => {
  await using victim = await startPeer()
  const cids = await put(victim, [good])
  await using deaf = await startHostile({ isDeaf: true })
  await deaf.connect(victim)
  const before = heldMegabytes()
  // Each want is padded: to keep it as it came would keep the padding.
  const padding = Buffer.concat([Uint8Array.of(0x7a, 0x80, 0x80, 0x40), Buffer.alloc(MIB)])
  for (let at = 0; at < 60; at += 1) {
    const mine = cids.map(({ bytes }) => ({ cid: bytes, have: true }))
    const unknown = [{ cid: inventedCid(at) }, { cid: inventedCid(at + 1000), have: true }]
    await deaf.say(wantlist([...mine, ...unknown]), padding)
  }
  // What is on its way is held until it has come.
  await expectHeld(before, 15)
})

test('wants that are no CIDs, or of strange hashes, are passed over; the rest is answered', async () => {
  await using victim = await startPeer()
  const [cid] = await put(victim, [good])
  await using asker = await startHostile()
  await asker.connect(victim)
  const digest = new Uint8Array(32)
  const strange = [
    new Uint8Array(0),
    Uint8Array.of(1),
    Uint8Array.of(0x12, 0x20, 1, 2),
    new Uint8Array(64).fill(0xff),
    // A length that is not that of the digest, and one of 2^53.
    Uint8Array.of(1, 0x55, 0x12, 0x30, ...digest),
    Uint8Array.of(1, 0x55, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, ...digest),
    // CID version 7; a hash function that nobody knows; a codec that nobody knows.
    Uint8Array.of(7, 0x55, 0x12, 0x20, ...digest),
    Uint8Array.of(1, 0x55, 0xfe, 0x7f, 0x20, ...digest),
    Uint8Array.of(1, 0xfe, 0x7f, 0x12, 0x20, ...digest),
    // Identity hashes: one inside another, and one far too large.
    Uint8Array.of(1, 0x70, 0, 6, 1, 0x55, 0, 2, 1, 2),
    Buffer.concat([Uint8Array.of(1, 0x55, 0, 0x80, 0x80, 0x40), Buffer.alloc(MIB)]),
    cid?.bytes ?? RAW_PREFIX,
  ]
  await asker.say(wantlist(strange.map((bytes) => ({ cid: bytes, cancel: true }))))
  await asker.say(wantlist(strange.map((bytes) => ({ cid: bytes, have: true }))))
  await asker.say(wantlist(strange.map((bytes) => ({ cid: bytes }))))
  await until(() => blocksOf(asker).some(({ byteLength }) => byteLength === 1000))
  expect(blocksOf(asker).every(({ byteLength }) => byteLength <= 1000)).toBe(true)
  // No word on what is no CID; of the oversize one neither.
  expect(wordsOf(asker).every(({ cid: { byteLength } }) => byteLength < 50)).toBe(true)
})

test('cancels of what was never wanted, 200,000 of them, are no work', async () => {
  await using victim = await startPeer()
  const [cid] = await put(victim, [good])
  await using asker = await startHostile()
  await asker.connect(victim)
  const cancels = Array.from({ length: 10_000 }, (_, at) => ({
    cid: inventedCid(at),
    cancel: true,
  }))
  const list = wantlist(cancels)
  for (let round = 0; round < 20; round += 1) await asker.say(list)
  await asker.say(wantlist([{ cid: cid?.bytes ?? RAW_PREFIX }]))
  await until(() => blocksOf(asker).length === 1)
})

test('of more wants than a peer may have, some are answered, and the next ones, too', async () => {
  await using victim = await startPeer()
  const [cid] = await put(victim, [good])
  await using asker = await startHostile()
  await asker.connect(victim)
  const wants = Array.from({ length: 5000 }, (_, at) => ({ cid: inventedCid(at) }))
  await asker.say(wantlist(wants))
  await until(() => wordsOf(asker).length >= limits.maxPeerWants)
  expect(wordsOf(asker).every(({ has }) => !has)).toBe(true)
  await asker.say(wantlist([{ cid: cid?.bytes ?? RAW_PREFIX }], true))
  await until(() => blocksOf(asker).length === 1)
})

test('a want that is given up while its block waits to be sent is not sent', async () => {
  await using victim = await startPeer()
  const cids = await put(victim, large())
  await using asker = await startHostile()
  await asker.connect(victim)
  const wants = cids.map(({ bytes }) => ({ cid: bytes }))
  const cancels = wants.map((want) => ({ ...want, cancel: true }))
  await asker.say(wantlist([...wants, ...cancels]), wantlist(cancels))
  await asker.say(wantlist(wants.slice(0, 1)))
  await until(() => blocksOf(asker).length > 0)
  await delay(200)
  expect(blocksOf(asker).length).toBeLessThan(64)
})
