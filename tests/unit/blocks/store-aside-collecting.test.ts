import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Lease } from '../../../src/blocks/lease.ts'
import { type Block, markRoot, parent, putAll, store, stored } from './dags.ts'
import {
  accountsAreRight,
  allRead,
  leaves,
  lockOf,
  openWithThread,
  withLimits,
} from './storing-thread.ts'

type Opened = Awaited<ReturnType<typeof openWithThread>>

async function begin(lease: Lease, blocks: readonly Block[]): Promise<void> {
  await Promise.all(blocks.map(({ cid, bytes }) => lease.put(cid, bytes)))
  await lease.sync()
}

/** Marks what is to stay, and takes the rest. */
async function collect({ store }: Opened, roots: readonly Block[] = []): Promise<number> {
  await using collecting = await store.collecting()
  collecting.mark(roots.map(markRoot))
  await collecting.caughtUp()
  return (await collecting.sweep({})).blocks
}

test('a collection that begins while a batch is with the thread takes nothing of an open lease', async () => {
  using _limits = withLimits({ collectionPatienceMs: 50 })
  await using opened = await openWithThread()
  const blocks = leaves(1100)
  await store(opened.store, ...leaves(500, 2))
  await using lease = opened.store.lease()
  const lock = lockOf(opened.path)
  const synced = begin(lease, blocks)
  await delay(30)
  const taken = collect(opened)
  await delay(100)
  lock[Symbol.dispose]()
  await synced
  // As old as the lease: what others had put before it stays, too.
  expect(await taken).toBe(0)
  expect(stored(opened.store, blocks).every(Boolean)).toBe(true)
  await lease[Symbol.asyncDispose]()
  expect(await collect(opened)).toBe(1600)
  expect(opened.store.totals()).toEqual({ blocks: 0, bytes: 0, fileBytes: 0 })
  accountsAreRight(opened)
})

test('a put of the new epoch that meets a block with the thread keeps it, the others go', async () => {
  await using opened = await openWithThread()
  const blocks = leaves(1100)
  const kept = blocks.slice(0, 500)
  const lock = lockOf(opened.path)
  const first = store(opened.store, ...blocks)
  await delay(30)
  const collecting = opened.store.collecting()
  await delay(5)
  await using second = opened.store.lease()
  const synced = begin(second, kept)
  lock[Symbol.dispose]()
  await first
  {
    await using running = await collecting
    await synced
    expect((await running.sweep({})).blocks).toBe(600)
  }
  expect(stored(opened.store, kept).every(Boolean)).toBe(true)
  accountsAreRight(opened)
  await allRead(opened.store, kept)
})

test('old blocks that a batch of the new epoch names stay, though nobody puts them', async () => {
  await using opened = await openWithThread()
  const children = leaves(1100)
  const others = leaves(300, 2)
  await store(opened.store, ...others, ...children)
  const parents = children.map((child) => parent(child))
  {
    await using collecting = await opened.store.collecting()
    await store(opened.store, ...parents)
    expect((await collecting.sweep({})).blocks).toBe(300)
  }
  accountsAreRight(opened)
  await allRead(opened.store, [...children, ...parents])
  // Their rows are gone with them: what names them anew makes others.
  expect(await collect(opened)).toBe(2200)
  await store(opened.store, ...leaves(1100, 3), ...parents)
  accountsAreRight(opened)
})

test('old blocks that are met and not yet synced stay while the others go, and come again', async () => {
  await using opened = await openWithThread()
  const blocks = leaves(1500)
  await store(opened.store, ...blocks)
  {
    await using collecting = await opened.store.collecting()
    await using lease = opened.store.lease()
    await Promise.all(blocks.slice(0, 300).map(({ cid, bytes }) => lease.put(cid, bytes)))
    expect((await collecting.sweep({})).blocks).toBe(1200)
    await lease.sync()
    await allRead(opened.store, blocks.slice(0, 300))
    await begin(lease, blocks)
  }
  await allRead(opened.store, blocks)
  accountsAreRight(opened)
})

test('blocks that die and come again while a collection takes them are whole', async () => {
  await using opened = await openWithThread()
  const blocks = leaves(3000)
  const root = parent(...blocks)
  for (let round = 0; round < 4; round += 1) {
    await store(opened.store, root, ...blocks)
    await using collecting = await opened.store.collecting()
    const swept = collecting.sweep({})
    await delay(round * 8)
    await using lease = opened.store.lease()
    await putAll(lease, [...blocks, root])
    await swept
    accountsAreRight(opened)
    expect(await opened.store.missingBelow(root.cid, { lease, atMost: 1 })).toEqual([])
    await allRead(opened.store, blocks.slice(0, 200))
  }
})

test('random uploads, leases and collections, some hundred times: what is rooted or leased is whole', async () => {
  using _limits = withLimits({
    ...{ storeBatchWeight: 20, storeAsideWeight: 60, collectionPatienceMs: 10 },
  })
  await using opened = await openWithThread()
  const until = performance.now() + 3000
  const roots = new Map<number, Block[]>()
  const random = (below: number) => Math.floor(Math.random() * below)
  let rounds = 0
  let swept = 0
  const upload = async () => {
    const name = random(6)
    const children = [...leaves(100, name + 1), ...leaves(60, 50 + random(3))]
    const blocks =
      random(2) === 0 ? [parent(...children), ...children] : [...children, parent(...children)]
    await using lease = opened.store.lease()
    const synced = begin(lease, blocks)
    if (random(2) === 0) await delay(random(6))
    await synced
    await delay(random(8))
    const gone = blocks.flatMap(({ cid }) => (opened.store.has(cid) ? [] : [`${cid}`]))
    expect(gone).toEqual([])
    const root = blocks.find(({ cid }) => cid.code !== 0x55)
    if (root !== undefined && random(3) === 0) roots.set(name, [root, ...children])
    // As the book does: the root is taken away in one step, and its blocks are anybody's then.
    else roots.delete(name)
    rounds += 1
  }
  const uploads = async () => {
    while (performance.now() < until) {
      await upload()
      await delay(random(5))
    }
  }
  const collections = async () => {
    while (performance.now() < until) {
      await using collecting = await opened.store.collecting()
      collecting.mark([...roots.values()].flatMap(([root]) => (root ? [markRoot(root)] : [])))
      await collecting.caughtUp()
      swept += (await collecting.sweep({})).blocks
      await delay(random(10))
      accountsAreRight(opened)
    }
  }
  await Promise.all([uploads(), uploads(), uploads(), uploads(), collections()])
  expect(rounds).toBeGreaterThan(40)
  expect(swept).toBeGreaterThan(0)
  const whole = [...roots.values()].flat()
  await allRead(opened.store, whole)
  await collect(
    opened,
    [...roots.values()].flatMap((blocks) => blocks.slice(0, 1)),
  )
  await collect(
    opened,
    [...roots.values()].flatMap((blocks) => blocks.slice(0, 1)),
  )
  await allRead(opened.store, whole)
  expect(opened.store.totals().blocks).toBe(new Set(whole.map(({ cid }) => `${cid}`)).size)
  accountsAreRight(opened)
}, 30_000)
