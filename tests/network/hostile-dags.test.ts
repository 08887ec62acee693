import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { RAW } from '../../src/core/cid.ts'
import { limits } from '../../src/core/limits.ts'
import { walkFolder } from '../../src/unixfs/directory.ts'
import { readFile } from '../../src/unixfs/read.ts'
import { noise } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'
import { type Message, putBlock, putFile, putFolder, putRaw } from '../unit/unixfs/hand-made.ts'
import { MemoryBlocks } from '../unit/unixfs/memory-blocks.ts'
import { block, presence, type Seen } from './bitswap-bytes.ts'
import { type HostilePeer, startHostile } from './hostile-peer.ts'
import { openSession } from './session.ts'
import { type Peer, startPeer } from './support.ts'

/** Gives what is in `blocks`, and says of all else that it is not there. */
function serving(blocks: MemoryBlocks) {
  return async ({ wants }: Seen, peer: HostilePeer): Promise<void> => {
    for (const want of wants) {
      const cid = CID.decode(want.cid)
      const bytes = await blocks.get(cid).catch(() => undefined)
      const prefix = cid.version === 0 ? Uint8Array.of(0, 0x70, 0x12, 32) : cid.bytes.subarray(0, 4)
      const part = bytes === undefined ? presence(cid, false) : block(bytes, prefix)
      await peer.say(part).catch(() => {})
    }
  }
}

type Reading = AsyncDisposable & {
  readonly victim: Peer
  readonly session: ReturnType<typeof openSession>['session']
}

/** A node that reads from a peer which has `blocks`. */
async function readingFrom(blocks: MemoryBlocks): Promise<Reading> {
  await using stack = new AsyncDisposableStack()
  const victim = stack.use(await startPeer())
  const hostile = stack.use(await startHostile({ onMessage: serving(blocks) }))
  await hostile.connect(victim)
  const { session } = stack.use(openSession(victim, { idleMs: 10_000 }))
  const open = stack.move()
  return { victim, session, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

async function drained(source: AsyncIterable<unknown>): Promise<void> {
  for await (const part of source) void part
}

const text = Buffer.from('0123456789')

test('what a peer that means well has is read: the script itself is right', async () => {
  const blocks = new MemoryBlocks()
  const leaf = { cid: await putRaw(blocks, text), bytes: 10 }
  const cid = await putFile(blocks, [leaf, leaf])
  await using reading = await readingFrom(blocks)
  const chunks: Uint8Array[] = []
  for await (const chunk of readFile(reading.session, cid)) chunks.push(chunk)
  expect(Buffer.concat(chunks).toString()).toBe('01234567890123456789')
})

test.each<[string, Message]>([
  ['a file larger than its parts', { fileBytes: 21 }],
  ['a file smaller than its parts', { fileBytes: 19 }],
  ['fewer sizes than children', { blockSizes: [10], fileBytes: 10 }],
  ['a child larger than it is', { blockSizes: [10, 11], fileBytes: 21 }],
  ['a child smaller than it is', { blockSizes: [10, 9], fileBytes: 19 }],
  ['a child of a terabyte', { blockSizes: [10, 2 ** 40], fileBytes: 2 ** 40 + 10 }],
])('sizes that lie, %s: DAG_INVALID', async (_what, lies) => {
  const blocks = new MemoryBlocks()
  const leaf = { cid: await putRaw(blocks, text), bytes: 10 }
  const cid = await putFile(blocks, [leaf, leaf], lies)
  await using reading = await readingFrom(blocks)
  expect(await codeOf(drained(readFile(reading.session, cid)))).toBe('DAG_INVALID')
})

test('a file deeper than the limit: DAG_LIMIT', async () => {
  const blocks = new MemoryBlocks()
  let cid = await putRaw(blocks, text)
  for (let depth = 0; depth < limits.maxDagDepth + 10; depth += 1) {
    cid = await putFile(blocks, [{ cid, bytes: 10 }])
  }
  await using reading = await readingFrom(blocks)
  expect(await codeOf(drained(readFile(reading.session, cid)))).toBe('DAG_LIMIT')
})

test('folders in folders, more than a path may have: a typed error', async () => {
  const blocks = new MemoryBlocks()
  let cid = await putRaw(blocks, text)
  for (let depth = 0; depth < limits.maxPathDepth + 10; depth += 1) {
    cid = await putFolder(blocks, [{ name: 'a', cid, dagBytes: 10 }])
  }
  await using reading = await readingFrom(blocks)
  expect(await codeOf(drained(walkFolder(reading.session, cid)))).toBe('DAG_LIMIT')
})

test('a block that is not what its codec says: DAG_INVALID, and it is not stored', async () => {
  const blocks = new MemoryBlocks()
  const cid = await putBlock(blocks, noise(500, 1))
  await using reading = await readingFrom(blocks)
  expect(await codeOf(drained(readFile(reading.session, cid)))).toBe('DAG_INVALID')
  await reading.session[Symbol.asyncDispose]()
  expect(reading.victim.store.has(cid)).toBe(false)
})

test('a child that the peer does not have, or will not give: CONTENT_NOT_FOUND', async () => {
  const blocks = new MemoryBlocks()
  const leaf = { cid: await putRaw(blocks, text), bytes: 10 }
  const missing = {
    cid: CID.createV1(RAW, (await putRaw(new MemoryBlocks(), noise(9, 2))).multihash),
  }
  const cid = await putFile(blocks, [leaf, { ...missing, bytes: 9 }])
  await using reading = await readingFrom(blocks)
  expect(await codeOf(drained(readFile(reading.session, cid)))).toBe('CONTENT_NOT_FOUND')
})
