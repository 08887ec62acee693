import { writeFile } from 'node:fs/promises'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { expect, test } from 'vitest'
import type { BlockStore } from '../../../src/blocks/block-store.ts'
import { RAW } from '../../../src/core/cid.ts'
import { type BeforeOperation, createFilePort } from '../../../src/files/file-port.ts'
import { blockFiles, openStore, temporaryFolder } from '../../support/block-store.ts'
import { noise } from '../../support/content.ts'
import { codeOf } from '../../support/database.ts'
import { collectAll, leaf, markRoot, parent, putAll, store, stored } from './dags.ts'

const LARGE = 100_000

async function open(before?: BeforeOperation) {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const files = createFilePort(before && { before })
  const opened = stack.use(await openStore({ folder: folder.path, files }))
  const all = stack.move()
  return {
    ...opened,
    folder: folder.path,
    reopen: async () => {
      await opened[Symbol.asyncDispose]()
      return openStore({ folder: folder.path })
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Calls `then` once, before the first operation of this kind from `arm` on. */
function once(name: string, path: RegExp) {
  let action: (() => void) | undefined
  const before: BeforeOperation = (operation) => {
    if (operation.name !== name || !path.test(operation.path)) return
    const run = action
    action = undefined
    run?.()
  }
  return { before, arm: (run: () => void) => (action = run) }
}

async function readable(blocks: BlockStore, ...all: readonly { cid: CID; bytes: Uint8Array }[]) {
  for (const { cid, bytes } of all)
    expect(Buffer.from(await blocks.get(cid))).toEqual(Buffer.from(bytes))
}

for (const [where, folder] of [
  ['on the disk', true],
  ['in memory', false],
] as const) {
  test(`what no root reaches goes, ${where}`, async () => {
    await using temporary = await temporaryFolder()
    await using opened = await openStore({ folder: folder ? temporary.path : null })
    const { store: blocks } = opened
    const kept = [leaf(1), leaf(2, LARGE)]
    const root = parent(...kept)
    const shared = leaf(3)
    const dead = [leaf(4), leaf(5, LARGE)]
    await store(blocks, ...kept, shared, parent(shared), root)
    await store(blocks, ...dead, parent(...dead, shared))
    const tally = await collectAll(blocks, [root, parent(shared)])
    expect(tally.blocks).toBe(3)
    expect(stored(blocks, [...kept, shared, root])).toEqual([true, true, true, true])
    expect(stored(blocks, dead)).toEqual([false, false])
    expect(blocks.totals().blocks).toBe(5)
    await readable(blocks, ...kept, root)
    expect((await collectAll(blocks, [root, parent(shared)])).blocks).toBe(0)
  })
}

test('what a lease has put or met is not taken while it is open, however old the block', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const old = leaf(1)
  await store(blocks, old, leaf(2))
  await collectAll(blocks, [old, leaf(2)])
  await using lease = blocks.lease()
  await putAll(lease, [old, leaf(3)])
  expect((await collectAll(blocks)).blocks).toBe(1)
  expect(stored(blocks, [old, leaf(2), leaf(3)])).toEqual([true, false, true])
  await lease[Symbol.asyncDispose]()
  expect((await collectAll(blocks)).blocks).toBe(2)
})

test.each([
  ['in the database', 100],
  ['in a file', LARGE],
])(
  'a dedup hit, of the new epoch, on a block of the old one that is being synced, %s',
  async (_, bytes) => {
    const hook = once('datasync', /-wal$/)
    await using opened = await open(hook.before)
    const { store: blocks } = opened
    const block = leaf(1, bytes)
    const beginning = Promise.withResolvers<{
      readonly collecting: ReturnType<BlockStore['collecting']>
    }>()
    await using later = new AsyncDisposableStack()
    {
      await using first = blocks.lease()
      await first.put(block.cid, block.bytes)
      hook.arm(() => beginning.resolve({ collecting: blocks.collecting() }))
      const synced = first.sync()
      await beginning.promise
      const second = later.use(blocks.lease())
      await second.put(block.cid, block.bytes)
      await synced
      // Nobody keeps what the first has brought.
      later.defer(() => second.sync())
    }
    await using collecting = await (await beginning.promise).collecting
    await collecting.sweep({})
    await later.disposeAsync()
    await readable(blocks, block)
  },
)

test('a dedup hit on a dying block: it is stored anew', async () => {
  const hook = once('unlink', /data$/)
  await using opened = await open(hook.before)
  const { store: blocks } = opened
  const dying = leaf(1, LARGE)
  await store(blocks, dying)
  let put = Promise.resolve()
  hook.arm(() => {
    put = store(blocks, dying)
  })
  expect((await collectAll(blocks)).blocks).toBe(1)
  await put
  await readable(blocks, dying)
  await using again = await opened.reopen()
  await readable(again.store, dying)
})

test('a delete that meets a put of the same block: the put waits, then stores', async () => {
  const hook = once('datasync', /-wal$/)
  await using opened = await open(hook.before)
  const { store: blocks } = opened
  const all = [leaf(1), leaf(2, LARGE)]
  await store(blocks, ...all)
  let puts = Promise.resolve()
  const tally = await collectAll(blocks, [], () => {
    // The first sync after this is that of the links, or of the deletion itself.
    hook.arm(() => {
      puts = store(blocks, ...all)
    })
  })
  await puts
  expect(tally.blocks).toBeLessThanOrEqual(2)
  await readable(blocks, ...all)
  await using again = await opened.reopen()
  await readable(again.store, ...all)
})

test('a block put first as raw, then as dag-pb: what it links to lives', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const child = leaf(1)
  const root = parent(child)
  const asRaw = { cid: CID.createV1(RAW, root.cid.multihash), bytes: root.bytes }
  await store(blocks, child, asRaw)
  // Nobody has put it as dag-pb: a root says that it is.
  expect((await collectAll(blocks, [root])).blocks).toBe(0)
  await store(blocks, root)
  expect((await collectAll(blocks, [root])).blocks).toBe(0)
  expect((await collectAll(blocks, [asRaw])).blocks).toBe(1)
  expect(stored(blocks, [child, root])).toEqual([false, true])
})

test('a root written while the mark runs, of an upload that began before it', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const child = leaf(1)
  await using lease = blocks.lease()
  await putAll(lease, [child, parent(child)])
  await collectAll(blocks, [], () => lease[Symbol.asyncDispose]())
  expect(stored(blocks, [child, parent(child)])).toEqual([true, true])
})

test('an upload that begins and commits between the reading of the roots and the sweep', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const [old, fresh] = [leaf(1), leaf(2)]
  await store(blocks, old)
  await collectAll(blocks, [], () => store(blocks, old, fresh, parent(old, fresh)))
  expect(stored(blocks, [old, fresh, parent(old, fresh)])).toEqual([true, true, true])
})

test('a reader and a pin of unpinned content during the sweep: all that was left of it stays', async () => {
  const hook = once('unlink', /data$/)
  await using opened = await open(hook.before)
  const { store: blocks } = opened
  const dead = Array.from({ length: 400 }, (_, seed) => leaf(seed, 65_600))
  const wanted = Array.from({ length: 20 }, (_, seed) => leaf(10_000 + seed))
  const root = parent(...wanted)
  await store(blocks, ...dead)
  await store(blocks, ...wanted, root)
  let settled = Promise.resolve()
  let hold: Disposable | undefined
  hook.arm(() => {
    const taken = blocks.hold(root.cid)
    hold = taken
    settled = taken.settled()
  })
  const tally = await collectAll(blocks)
  await settled
  expect(tally.blocks).toBe(400)
  await readable(blocks, ...wanted, root)
  expect((await collectAll(blocks)).blocks).toBe(0)
  hold?.[Symbol.dispose]()
  expect((await collectAll(blocks)).blocks).toBe(21)
})

test('a parent put during the sweep that names a dying child: the child stays, under the same name', async () => {
  const hook = once('unlink', /data$/)
  await using opened = await open(hook.before)
  const { store: blocks } = opened
  const child = leaf(10_000)
  await store(blocks, ...Array.from({ length: 400 }, (_, seed) => leaf(seed, 65_600)), child)
  await store(blocks, leaf(10_001))
  let put = Promise.resolve()
  hook.arm(() => {
    put = store(blocks, parent(child))
  })
  await collectAll(blocks)
  await put
  expect(stored(blocks, [child, parent(child)])).toEqual([true, true])
  await using lease = blocks.lease()
  expect(await blocks.missingBelow(parent(child).cid, { lease, atMost: 1 })).toEqual([])
})

test('a held CID that carries its block keeps all that the block names', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const children = [leaf(1), leaf(2)]
  const { bytes } = parent(...children)
  const carried = CID.createV1(0x70, identity.digest(bytes))
  await store(blocks, ...children, leaf(3))
  using _ = blocks.hold(carried)
  expect((await collectAll(blocks)).blocks).toBe(1)
  expect(stored(blocks, children)).toEqual([true, true])
})

test('a hold that is there before the collection counts as a root', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const child = leaf(1)
  await store(blocks, child, parent(child))
  using _ = blocks.hold(parent(child).cid)
  expect((await collectAll(blocks)).blocks).toBe(0)
})

test('a young parent that names an old dead child: the child goes, and comes back under the same name', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const child = leaf(1)
  const root = parent(child)
  await store(blocks, child, root)
  await collectAll(blocks, [root])
  // The parent alone is met anew.
  await collectAll(blocks, [], () => store(blocks, root))
  expect(stored(blocks, [root])).toEqual([true])
  await store(blocks, child)
  await using lease = blocks.lease()
  expect(await blocks.missingBelow(root.cid, { lease, atMost: 1 })).toEqual([])
  await lease[Symbol.asyncDispose]()
  expect((await collectAll(blocks, [root])).blocks).toBe(0)
  expect(stored(blocks, [child, root])).toEqual([true, true])
})

test('damaged blocks: what is below them is known, and stays; where it is not, nothing is taken', async () => {
  await using opened = await open()
  const { store: blocks, folder } = opened
  const child = leaf(1)
  const wide = parent(...Array.from({ length: 2000 }, () => child))
  const asRaw = { cid: CID.createV1(RAW, wide.cid.multihash), bytes: wide.bytes }
  await store(blocks, child, asRaw, leaf(2))
  const [file = ''] = await blockFiles(folder)
  await writeFile(file, noise(wide.bytes.byteLength, 9))
  expect(await codeOf(collectAll(blocks, [wide]))).toBe('BLOCK_CORRUPT')
  expect(stored(blocks, [child, leaf(2)])).toEqual([true, true])
  await store(blocks, wide)
  const [rewritten = ''] = await blockFiles(folder)
  await writeFile(rewritten, noise(wide.bytes.byteLength, 9))
  expect(await codeOf(blocks.get(wide.cid))).toBe('BLOCK_CORRUPT')
  expect((await collectAll(blocks, [wide])).blocks).toBe(1)
  expect(stored(blocks, [child])).toEqual([true])
})

test('a DAG whose links say dag-pb of what is none: the block has no children', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const bytes = leaf(1)
  const odd = { cid: CID.createV1(0x70, bytes.cid.multihash) }
  await store(blocks, bytes)
  expect((await collectAll(blocks, [odd])).blocks).toBe(0)
})

test('ends when it is told to, with what it did; nothing is half gone', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  const dead = Array.from({ length: 1000 }, (_, seed) => leaf(seed))
  await store(blocks, ...dead)
  const stop = new AbortController()
  const collecting = await blocks.collecting(stop.signal)
  stop.abort()
  expect(await codeOf(collecting.sweep({}))).toBe('CANCELLED')
  await collecting[Symbol.asyncDispose]()
  expect((await collectAll(blocks)).blocks).toBe(1000)
  expect(markRoot(leaf(1)).codec).toBe(RAW)
})

test('ends when enough is free', async () => {
  await using opened = await open()
  const { store: blocks } = opened
  await store(blocks, ...Array.from({ length: 1000 }, (_, seed) => leaf(seed)))
  await using collecting = await blocks.collecting()
  const { bytes } = await collecting.sweep({ bytes: 30_000 })
  expect(bytes).toBeGreaterThanOrEqual(30_000)
  expect(bytes).toBeLessThan(120_000)
})
