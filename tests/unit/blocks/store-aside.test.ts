import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { blockIndex } from '../../../src/blocks/block-index.ts'
import { DAG_PB, RAW } from '../../../src/core/cid.ts'
import { unpackLinks } from '../../../src/db/packed-links.ts'
import { openStore, temporaryFolder } from '../../support/block-store.ts'
import { noise } from '../../support/content.ts'
import { type Block, collectAll, leaf, markRoot, parent, putAll, store, stored } from './dags.ts'
import {
  accountsAreRight,
  allRead,
  leaves,
  openWithThread,
  ownChanges,
  storingThreads,
  threadRuns,
  withLimits,
} from './storing-thread.ts'

test('thousands of small blocks are stored by the thread, and are there after a restart', async () => {
  await using opened = await openWithThread()
  expect(opened.threads).toHaveLength(1)
  const blocks = leaves(6000)
  const before = await ownChanges(opened.db)
  {
    await using lease = opened.store.lease()
    for (const { cid, bytes } of blocks) void lease.put(cid, bytes)
    await lease.sync()
    expect(lease.newBytes).toBe(6000 * 200)
  }
  // A block is two rows: the event loop may have stored the last few hundred.
  const own = (await ownChanges(opened.db)) - before
  expect(own).toBeLessThan(2 * 1200)
  expect(opened.store.totals()).toEqual({ blocks: 6000, bytes: 6000 * 200, fileBytes: 0 })
  await allRead(opened.store, blocks)
  await using again = await opened.reopen()
  expect(again.store.totals().blocks).toBe(6000)
  accountsAreRight(again)
  await allRead(again.store, blocks)
})

test('each is told of once it is durable, and once', async () => {
  const told = new Map<string, number>()
  const onStored = (cid: CID) => told.set(`${cid}`, (told.get(`${cid}`) ?? 0) + 1)
  await using opened = await openWithThread({ onStored })
  const blocks = leaves(3000)
  await store(opened.store, ...blocks)
  expect(told.size).toBe(3000)
  expect([...told.values()].every((times) => times === 1)).toBe(true)
})

test('inner nodes have their links, before their children and behind them, in one batch and in several', async () => {
  await using opened = await openWithThread()
  const { store: blocks } = opened
  const groups = Array.from({ length: 40 }, (_, at) => leaves(100, at + 1))
  const middle = groups.map((group) => parent(...group))
  const root = parent(...middle)
  const dead = leaves(2000, 99)
  await using lease = blocks.lease()
  const before = await ownChanges(opened.db)
  const behind = groups.slice(20).flat()
  await putAll(lease, [root, ...middle, ...groups.flat(), ...dead, parent(...dead)])
  await lease.sync()
  expect((await ownChanges(opened.db)) - before).toBeLessThan(2400)
  expect(await blocks.missingBelow(root.cid, { lease, atMost: 10 })).toEqual([])
  expect(stored(blocks, behind).every(Boolean)).toBe(true)
  accountsAreRight(opened)
  await lease[Symbol.asyncDispose]()

  expect((await collectAll(blocks, [root])).blocks).toBe(dead.length + 1)
  accountsAreRight(opened)
  expect(blocks.totals().blocks).toBe(4041)
  await allRead(blocks, [root, ...middle, ...groups.flat()])
})

test('a block that only a link named, and one without bytes', async () => {
  await using opened = await openWithThread()
  const { store: blocks } = opened
  const children = leaves(1500)
  const empty = leaf(0, 0)
  const root = parent(...children, empty)
  await store(blocks, root)
  await using lease = blocks.lease()
  expect(await blocks.missingBelow(root.cid, { lease, atMost: 5000 })).toHaveLength(1501)
  expect(blocks.totals().blocks).toBe(1)
  const before = await ownChanges(opened.db)
  await putAll(lease, [empty, ...children])
  expect((await ownChanges(opened.db)) - before).toBeLessThan(2400)
  expect(await blocks.missingBelow(root.cid, { lease, atMost: 5 })).toEqual([])
  expect((await blocks.get(empty.cid)).byteLength).toBe(0)
  await allRead(blocks, children)
  accountsAreRight(opened)
  expect(blocks.totals().blocks).toBe(1502)
})

test('damaged blocks are written anew, and their marks go', async () => {
  await using opened = await openWithThread()
  const { store: blocks, db } = opened
  const all = leaves(2000)
  await store(blocks, ...all)
  await db.write((writer) => writer.exec('UPDATE inline SET bytes = zeroblob(200) WHERE id % 2'))
  const reads = await Promise.allSettled(all.map(({ cid }) => blocks.get(cid)))
  const marks = db.reader.prepare('SELECT count(*) FROM damaged').pluck()
  expect(reads.filter(({ status }) => status === 'rejected')).toHaveLength(1000)
  await expect.poll(() => marks.get()).toBe(1000)
  await store(blocks, ...all)
  expect(marks.get()).toBe(0)
  await allRead(blocks, all)
  accountsAreRight(opened)
})

test('blocks put as raw and as dag-pb in one batch are one row each, with their links', async () => {
  await using opened = await openWithThread()
  const { store: blocks } = opened
  const nodes = leaves(800).map((child) => parent(child))
  await using lease = blocks.lease()
  for (const { cid, bytes } of nodes) {
    void lease.put(CID.createV1(RAW, cid.multihash), bytes)
    void lease.put(cid, bytes)
  }
  await lease.sync()
  expect(blocks.totals().blocks).toBe(800)
  accountsAreRight(opened)
  const links = opened.db.reader.prepare('SELECT codec, count(*) FROM links GROUP BY codec')
  expect(links.raw().all()).toEqual([[DAG_PB, 800]])
  // Later, when the rows are there: the dag-pb side is added to what was raw.
  const later = leaves(800, 2).map((child) => parent(child))
  const asRaw = later.map(({ cid, bytes }) => ({ cid: CID.createV1(RAW, cid.multihash), bytes }))
  await putAll(lease, asRaw)
  await putAll(lease, later)
  expect(blocks.totals().blocks).toBe(1600)
  const [first = leaf(0)] = later
  expect(await blocks.missingBelow(first.cid, { lease, atMost: 5 })).toHaveLength(1)
  accountsAreRight(opened)
})

test('the same blocks by several leases at once are stored once', async () => {
  await using opened = await openWithThread()
  const all = leaves(4000)
  const uploads = [all, all.toReversed(), all.slice(1000), all].map(async (blocks) => {
    await using lease = opened.store.lease()
    await putAll(lease, blocks)
    return lease.newBytes
  })
  const brought = await Promise.all(uploads)
  expect(brought.reduce((sum, bytes) => sum + bytes, 0)).toBe(4000 * 200)
  expect(opened.store.totals()).toEqual({ blocks: 4000, bytes: 4000 * 200, fileBytes: 0 })
  accountsAreRight(opened)
  await allRead(opened.store, all)
})

test('until the thread runs, the event loop stores what comes', async () => {
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  const all = leaves(3000)
  const group = parent(...all)
  await store(opened.store, ...all.slice(0, 300))
  const before = await ownChanges(opened.db)
  await store(opened.store, ...all, group)
  expect((await ownChanges(opened.db)) - before).toBeGreaterThan(0)
  await threadRuns(opened.db)
  await store(opened.store, ...leaves(3000, 2))
  expect(opened.store.totals().blocks).toBe(6001)
  await allRead(opened.store, [...all, ...leaves(3000, 2), group])
  accountsAreRight(opened)
})

test('files alone start no thread, small blocks by hundreds do', async () => {
  using _limits = withLimits({ storeBatchWeight: 150 })
  using threads = storingThreads()
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  const files = leaves(200, 1, 100 * 1024)
  await store(opened.store, ...files, parent(...files))
  expect(threads.started).toEqual([])
  await store(opened.store, ...leaves(300, 2))
  expect(threads.started).toHaveLength(1)
  accountsAreRight(opened)
})

test('in memory no thread is started, and all is stored just the same', async () => {
  using threads = storingThreads()
  await using opened = await openStore({ folder: null })
  const all = leaves(3000)
  const root = parent(...all)
  await using lease = opened.store.lease()
  await putAll(lease, [root, ...all])
  expect(opened.db.canStoreAside({ start: true })).toBe(false)
  expect(threads.started).toEqual([])
  expect(opened.store.totals().blocks).toBe(3001)
  expect(await opened.store.missingBelow(root.cid, { lease, atMost: 1 })).toEqual([])
  await allRead(opened.store, all)
  accountsAreRight(opened)
})

test('the totals that are read are of one moment, whatever the thread commits meanwhile', async () => {
  await using opened = await openWithThread()
  const all = leaves(9000)
  const torn: unknown[] = []
  let running = true
  const look = (): void => {
    const until = performance.now() + 15
    while (performance.now() < until) {
      const { blocks, bytes } = opened.store.totals()
      if (bytes !== 200 * blocks) torn.push({ blocks, bytes })
    }
    if (running) setImmediate(look)
  }
  await using lease = opened.store.lease()
  for (const { cid, bytes } of all) void lease.put(cid, bytes)
  setImmediate(look)
  await lease.sync()
  running = false
  expect(torn).toEqual([])
})

test('a collection marks what the thread has stored', async () => {
  await using opened = await openWithThread()
  const all = leaves(1500)
  const root = parent(...all)
  await store(opened.store, ...all, root, ...leaves(1500, 2))
  await using collecting = await opened.store.collecting()
  collecting.mark([markRoot(root)])
  await collecting.caughtUp()
  const tally = await collecting.sweep({ dryRun: true })
  expect(tally).toEqual({ blocks: 1500, bytes: noise(200).byteLength * 1500, fileBytes: 0 })
})

test('blocks of one size of which one has a row are stored as any others', async () => {
  await using opened = await openWithThread()
  const { store: blocks, db } = opened
  const group = leaves(2400)
  const three = group.filter((_, at) => [0, 1200, 2399].includes(at))
  // Links to three of them: rows without a block, in the way of the statement that stores many.
  await store(blocks, parent(...three))
  const idOf = ({ cid }: Block) => blockIndex.find(db.reader, cid.multihash.bytes)?.id
  const ids = three.map(idOf)
  await store(blocks, ...group)
  expect(three.map(idOf)).toEqual(ids)
  expect(blocks.totals().blocks).toBe(2401)
  accountsAreRight(opened)
  await allRead(blocks, group)
})

test('a node finds the rows of a run it names, whether the run was stored at once or one by one', async () => {
  await using opened = await openWithThread()
  const { store: blocks, db } = opened
  const groups = [leaves(1000, 1), leaves(1000, 2)]
  const [taken] = groups[1] ?? []
  if (taken === undefined) throw new Error('there are leaves')
  await store(blocks, parent(taken))
  const nodes = groups.map((group) => parent(...group))
  await store(blocks, ...groups.flat(), ...nodes)
  for (const [at, { cid }] of nodes.entries()) {
    const row = blockIndex.find(db.reader, cid.multihash.bytes)
    const links = unpackLinks(blockIndex.links(db.reader, row?.id ?? 0, DAG_PB) ?? noise(0))
    const named = links.map(({ child }) => hexOf(blockIndex.multihash(db.reader, child)))
    expect(named).toEqual(groups[at]?.map((block) => hexOf(block.cid.multihash.bytes)))
  }
  accountsAreRight(opened)
})

const hexOf = (bytes = noise(0)): string => Buffer.from(bytes).toString('hex')
