import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { rawCid } from '../support/block-store.ts'
import { noise } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { block, presence, RAW_PREFIX, type Seen } from './bitswap-bytes.ts'
import { expectHeld, type HostilePeer, heldMegabytes, startHostile } from './hostile-peer.ts'
import { openSession } from './session.ts'
import { put, startPeer, until, within } from './support.ts'

const good = noise(1000, 1)
const cid = rawCid(good)
const MIB = 1024 ** 2

/** Whether a message asks for the block itself. */
const wantsBlock = ({ wants }: Seen) => wants.some(({ have }) => !have)

/** A script that answers each want of a block with the same parts. */
const answering =
  (...parts: readonly Uint8Array[]) =>
  (message: Seen, peer: HostilePeer): void => {
    if (wantsBlock(message)) void peer.say(...parts).catch(() => {})
  }

const counted = async (metric: { get(): Promise<{ values: { value: number }[] }> }) =>
  (await metric.get()).values[0]?.value ?? 0

test.concurrent('wrong bytes are counted, not stored, and told of at once when nobody else is there', async () => {
  await using victim = await startPeer()
  await using liar = await startHostile({ onMessage: answering(block(noise(1000, 2))) })
  await liar.connect(victim)
  await using reading = openSession(victim, { idleMs: 20_000 })
  const error = await failureOf(reading.session.get(cid))
  expect(error).toMatchObject({
    code: 'CONTENT_NOT_FOUND',
    details: { answers: [{ from: liar.id, answer: 'sent blocks that are not it' }] },
  })
  expect(victim.store.has(cid)).toBe(false)
  expect(victim.store.has(rawCid(noise(1000, 2)))).toBe(false)
  expect(await counted(victim.metrics.unwantedBlocks)).toBe(1)
})

test.concurrent('after wrong bytes the block of another peer arrives', async () => {
  await using victim = await startPeer()
  await using liar = await startHostile({ onMessage: answering(block(noise(1000, 2))) })
  await using honest = await startPeer()
  await put(honest, [good])
  await liar.connect(victim)
  const fetched = victim.network.fetch(cid, within())
  await until(() => liar.seen.some(wantsBlock))
  await victim.network.connect(honest.address)
  expect(rawCid(await fetched)).toEqual(cid)
})

test.concurrent.each<[string, Uint8Array]>([
  ['says that it has the block', presence(cid, true)],
  ['says so of another one', presence(rawCid(noise(5, 5)), true)],
  ['sends other blocks', block(noise(100, 3))],
])('one that %s again and again is no reason to wait for it', async (_what, word) => {
  await using victim = await startPeer()
  await using talker = await startHostile()
  await using honest = await startPeer()
  await put(honest, [good])
  await talker.connect(victim)
  const fetched = victim.network.fetch(cid, within())
  const talking = setInterval(() => void talker.say(word).catch(() => {}), 300)
  await until(() => talker.seen.some(wantsBlock))
  await victim.network.connect(honest.address)
  expect(rawCid(await fetched)).toEqual(cid)
  clearInterval(talking)
})

test.concurrent('one that sends rubbish without end is asked for nothing more', async () => {
  await using victim = await startPeer()
  await using liar = await startHostile()
  await liar.connect(victim)
  const fetched = failureOf(victim.network.fetch(cid, within()))
  await until(() => liar.seen.some(wantsBlock))
  await liar.say(...Array.from({ length: 20_000 }, (_, at) => block(Uint8Array.of(at, at >> 8))))
  expect((await fetched).details['answers']).toEqual([
    { from: liar.id, answer: 'sent blocks that are not it' },
  ])
  // No more are hashed than it takes to know.
  expect(await counted(victim.metrics.unwantedBlocks)).toBe(limits.maxWrongBlocks + 1)
  const asked = liar.seen.filter(wantsBlock).length
  expect(await codeOf(victim.network.fetch(rawCid(noise(9, 9)), within()))).toBe(
    'CONTENT_NOT_FOUND',
  )
  expect(liar.seen.filter(wantsBlock)).toHaveLength(asked)
})

test.concurrent('one that says it has the block and never sends it is passed over', async () => {
  await using victim = await startPeer()
  await using liar = await startHostile({ onMessage: answering(presence(cid, true)) })
  await using honest = await startPeer()
  await put(honest, [good])
  await liar.connect(victim)
  const fetched = victim.network.fetch(cid, within())
  await until(() => liar.seen.some(wantsBlock))
  await victim.network.connect(honest.address)
  expect(rawCid(await fetched)).toEqual(cid)
})

test.concurrent('alone, it costs the time that a block may be idle, and is named', async () => {
  await using victim = await startPeer()
  await using liar = await startHostile({ onMessage: answering(presence(cid, true)) })
  await liar.connect(victim)
  await using reading = openSession(victim, { idleMs: 700 })
  const started = performance.now()
  const error = await failureOf(reading.session.get(cid))
  expect(performance.now() - started).toBeLessThan(3000)
  expect(error).toMatchObject({
    code: 'CONTENT_NOT_FOUND',
    details: { answers: [{ from: liar.id, answer: 'no answer in 0.7 s' }], unanswered: 1 },
  })
})

test.concurrent('one that sends every block but this one does not keep it waiting for ever', async () => {
  await using victim = await startPeer()
  const others = Array.from({ length: 40 }, (_, seed) => noise(500, 300 + seed))
  await using busy = await startHostile()
  await busy.connect(victim)
  await using reading = openSession(victim, { idleMs: 1500 })
  const failed = failureOf(reading.session.get(cid))
  await until(() => busy.seen.some(wantsBlock))
  let isOver = false
  const sending = (async () => {
    for (const other of others) {
      const fetched = victim.network.fetch(rawCid(other), within())
      await delay(100)
      await busy.say(block(other))
      await fetched
      if (isOver) return
    }
  })()
  expect((await failed).code).toBe('CONTENT_NOT_FOUND')
  isOver = true
  await sending
})

test.concurrent('a lie that it does not have the block does not end what another one is asked', async () => {
  await using victim = await startPeer()
  await using liar = await startHostile({
    onMessage: (_message, peer) => void peer.say(presence(cid, false)).catch(() => {}),
  })
  await using honest = await startPeer()
  await put(honest, [good])
  await victim.network.connect(honest.address)
  await liar.connect(victim)
  await liar.say(presence(cid, false), presence(cid, false))
  expect(rawCid(await victim.network.fetch(cid, within()))).toEqual(cid)
})

test('blocks that nobody wanted are neither stored nor held', async () => {
  await using victim = await startPeer()
  await using giver = await startHostile()
  await giver.connect(victim)
  const large = noise(MIB, 4)
  const before = heldMegabytes()
  for (let at = 0; at < 50; at += 1) {
    large[0] = at
    await giver.say(block(large), block(good))
  }
  await giver.say(block(good, Uint8Array.of(1, 0x55, 0, 3)), block(good, new Uint8Array(0)))
  // By now all of it has arrived: this is answered on the same connection.
  const fetched = codeOf(victim.network.fetch(rawCid(noise(8, 8)), within(5000)))
  await until(() => giver.seen.some(wantsBlock))
  await giver.say(presence(rawCid(noise(8, 8)), false))
  expect(await fetched).toBe('CONTENT_NOT_FOUND')
  await expectHeld(before, 20)
  expect(victim.store.has(cid)).toBe(false)
  expect(victim.store.has(rawCid(large))).toBe(false)
})

test.concurrent('a block above the limit is not taken, though its hash is right', async () => {
  const large = noise(limits.maxBlockBytes + 1, 6)
  await using victim = await startPeer()
  await using giver = await startHostile({ onMessage: answering(block(large, RAW_PREFIX)) })
  await giver.connect(victim)
  await using reading = openSession(victim, { idleMs: 20_000 })
  const error = await failureOf(reading.session.get(rawCid(large)))
  expect(error.details['answers']).toEqual([
    { from: giver.id, answer: 'sent blocks that are not it' },
  ])
  expect(victim.store.has(rawCid(large))).toBe(false)
})

test.concurrent('blocks that come after their wants were given up are no lies', async () => {
  const blocks = Array.from({ length: 40 }, (_, at) => noise(100, at + 10))
  await using victim = await startPeer()
  await using slow = await startHostile()
  await slow.connect(victim)
  const stop = new AbortController()
  const given = blocks.map((bytes) =>
    codeOf(victim.network.fetch(rawCid(bytes), { signal: stop.signal, onProgress() {} })),
  )
  await until(() => slow.seen.flatMap(({ wants }) => wants).length >= blocks.length)
  stop.abort()
  await Promise.all(given)
  const fetched = victim.network.fetch(cid, within())
  await slow.say(...blocks.map((bytes) => block(bytes)), block(good))
  expect(rawCid(await fetched)).toEqual(cid)
  expect(await counted(victim.metrics.unwantedBlocks)).toBe(0)
})
