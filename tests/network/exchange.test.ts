import { expect, test } from 'vitest'
import { rawCid } from '../support/block-store.ts'
import { noise, sameBytes } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'
import { put, startPair, startPeer, until, within } from './support.ts'

const MIB = 1024 ** 2

test('a block goes both ways', async () => {
  await using pair = await startPair()
  const { a, b } = pair
  const [mine, theirs] = [noise(1000, 1), noise(MIB, 2)]
  const [inA] = await put(a, [mine])
  const [inB] = await put(b, [theirs])
  if (inA === undefined || inB === undefined) throw new Error('not stored')
  expect(sameBytes(await a.network.fetch(inB, within()), theirs)).toBe(true)
  expect(sameBytes(await b.network.fetch(inA, within()), mine)).toBe(true)
  const served = await b.metrics.servedBytes.get()
  expect(served.values[0]?.value).toBe(MIB)
})

test('2,000 wants at once all come', async () => {
  await using pair = await startPair()
  const { a, b } = pair
  const cids = await put(
    b,
    Array.from({ length: 2000 }, (_, at) => noise(200 + (at % 50), at + 1)),
  )
  const blocks = await Promise.all(cids.map((cid) => a.network.fetch(cid, within(20_000))))
  expect(blocks.map((block) => rawCid(block).toString())).toEqual(cids.map(String))
})

test('who does not have it says so at once, and the message names him', async () => {
  await using pair = await startPair()
  const started = performance.now()
  const missing = rawCid(noise(10, 77))
  const failure = pair.a.network.fetch(missing, within())
  await expect(failure).rejects.toMatchObject({
    code: 'CONTENT_NOT_FOUND',
    details: {
      answers: [{ from: pair.b.network.identity().id, answer: 'does not have it' }],
    },
  })
  expect(performance.now() - started).toBeLessThan(2000)
})

test('with nobody connected the answer is immediate', async () => {
  await using alone = await startPeer()
  expect(await codeOf(alone.network.fetch(rawCid(noise(10, 1)), within()))).toBe(
    'CONTENT_NOT_FOUND',
  )
})

test('with several that have it, a block comes once', async () => {
  await using a = await startPeer()
  await using b = await startPeer()
  await using c = await startPeer()
  const blocks = Array.from({ length: 64 }, (_, at) => noise(50_000, at + 1))
  const cids = await put(b, blocks)
  await put(c, blocks)
  await a.network.connect(b.address)
  await a.network.connect(c.address)
  await until(() => a.network.peers().every(({ agent }) => agent !== undefined))
  await Promise.all(cids.map((cid) => a.network.fetch(cid, within())))
  const served = async (peer: typeof b) => (await peer.metrics.servedBlocks.get()).values[0]?.value
  expect(((await served(b)) ?? 0) + ((await served(c)) ?? 0)).toBeLessThanOrEqual(64 + 4)
})

test('one that has it is found among those that do not', async () => {
  await using a = await startPeer()
  await using without = await startPeer()
  await using having = await startPeer()
  const [cid] = await put(having, [noise(1000, 5)])
  if (cid === undefined) throw new Error('not stored')
  await a.network.connect(without.address)
  await a.network.connect(having.address)
  expect(await a.network.fetch(cid, within())).toHaveLength(1000)
})

test('a want that is given up can be wanted again at once', async () => {
  await using pair = await startPair()
  const { a, b } = pair
  const [cid] = await put(b, [noise(MIB, 3)])
  if (cid === undefined) throw new Error('not stored')
  for (let round = 0; round < 5; round += 1) {
    const stop = new AbortController()
    const first = a.network.fetch(cid, { signal: stop.signal, onProgress: () => {} })
    const failed = codeOf(first)
    stop.abort()
    expect(await failed).toBe('CANCELLED')
    expect(await a.network.fetch(cid, within())).toHaveLength(MIB)
  }
})

test('of two that want a block, one leaving does not harm the other', async () => {
  await using pair = await startPair()
  const [cid] = await put(pair.b, [noise(MIB, 4)])
  if (cid === undefined) throw new Error('not stored')
  const stop = new AbortController()
  const leaving = codeOf(pair.a.network.fetch(cid, { signal: stop.signal, onProgress: () => {} }))
  const staying = pair.a.network.fetch(cid, within())
  stop.abort()
  expect(await leaving).toBe('CANCELLED')
  expect(await staying).toHaveLength(MIB)
})

test('a block that is stored later reaches a peer that waits for it', async () => {
  await using a = await startPeer()
  await using b = await startPeer()
  await using c = await startPeer({ peers: [b.address.replace(/.{4}$/, 'AAAA')] }).catch(() =>
    startPeer(),
  )
  const block = noise(500, 8)
  const cid = rawCid(block)
  await a.network.connect(b.address)
  expect(await codeOf(a.network.fetch(cid, within()))).toBe('CONTENT_NOT_FOUND')
  await put(c, [block])
  await a.network.connect(c.address)
  expect(await a.network.fetch(cid, within())).toHaveLength(500)
})

test('ends in the middle of a transfer: what waits fails, nothing hangs', async () => {
  const pair = await startPair()
  const cids = await put(
    pair.b,
    Array.from({ length: 20 }, (_, at) => noise(MIB, at + 1)),
  )
  const { signal } = new AbortController()
  const codes = cids.map((cid) => codeOf(pair.a.network.fetch(cid, { signal, onProgress() {} })))
  await pair[Symbol.asyncDispose]()
  const ended = await Promise.all(codes)
  expect(
    ended.every(
      (code) => code === undefined || code === 'NODE_CLOSED' || code === 'CONTENT_NOT_FOUND',
    ),
  ).toBe(true)
}, 20_000)
