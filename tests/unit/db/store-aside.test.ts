import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openBlockIndex } from '../../../src/blocks/open-index.ts'
import { INLINE } from '../../../src/db/block-rows.ts'
import { BlockPacker } from '../../../src/db/packed-blocks.ts'
import { startDatabaseWorker } from '../../../src/db/worker.ts'
import { type BeforeOperation, createFilePort } from '../../../src/files/file-port.ts'
import { openStore, temporaryFolder } from '../../support/block-store.ts'
import { codeOf } from '../../support/failure.ts'
import type { Block } from '../blocks/dags.ts'
import {
  accountsAreRight,
  allRead,
  leaves,
  lockOf,
  storingThreads,
  threadRuns,
  withLimits,
} from '../blocks/storing-thread.ts'

async function open(before?: BeforeOperation) {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const worker = stack.use(startDatabaseWorker())
  const path = join(folder.path, 'blocks.db')
  const threads = stack.use(storingThreads())
  const warnings: unknown[] = []
  const onWarning = (error: unknown) => warnings.push(error)
  const files = createFilePort(before && { before })
  const db = stack.use(await openBlockIndex({ path, files, worker, onWarning }))
  await threadRuns(db)
  const opened = stack.move()
  const rest = { folder: folder.path, threads: threads.started, warnings }
  return { db, path, ...rest, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

const packer = new BlockPacker()

function batchOf(blocks: readonly Block[], epoch = 1) {
  const writes = blocks.map(({ cid, bytes }) => ({
    ...{ multihash: cid.multihash.bytes, content: { place: INLINE, bytes }, links: new Map() },
  }))
  return () => ({ epoch, blocks: packer.pack(writes as never), meta: [] })
}

const COUNT = 'SELECT count(*) FROM block'

test('what is asked before a batch runs before it, what comes behind sees all of it', async () => {
  await using opened = await open()
  const { db } = opened
  const log: string[] = []
  const look = (name: string) =>
    db.write((writer) => {
      log.push(`${name} ${writer.prepare(COUNT).pluck().get()}`)
    })
  const aside = (name: string, blocks: readonly Block[]) =>
    db.storeAside(
      () => {
        log.push(`${name} begins`)
        return batchOf(blocks)()
      },
      () => log.push(`${name} committed`),
    )
  await Promise.all([
    look('a'),
    look('b'),
    aside('c', leaves(500, 1)),
    look('d'),
    aside('e', leaves(500, 2)),
    aside('f', leaves(500, 3)),
    look('g'),
    look('h'),
  ])
  // The one after `e` may be begun before that ends.
  expect(log.filter((entry) => entry !== 'f begins')).toEqual([
    ...['a 0', 'b 0', 'c begins', 'c committed', 'd 500'],
    ...['e begins', 'e committed', 'f committed', 'g 1500', 'h 1500'],
  ])
})

test('while the thread has a batch the next is handed over; a third, and what others write, wait', async () => {
  await using opened = await open()
  const { db } = opened
  const log: string[] = []
  const aside = (name: string, seed: number) =>
    db.storeAside(
      () => {
        log.push(`${name} begins`)
        return batchOf(leaves(500, seed))()
      },
      () => log.push(`${name} committed`),
    )
  const lock = lockOf(opened.path)
  const asked = [aside('a', 1), aside('b', 2), aside('c', 3)]
  const looked = db.write((writer) => log.push(`sees ${writer.prepare(COUNT).pluck().get()}`))
  await delay(100)
  expect(log).toEqual(['a begins', 'b begins'])
  lock[Symbol.dispose]()
  await Promise.all([...asked, looked])
  expect(log.filter((entry) => entry !== 'c begins')).toEqual([
    ...['a begins', 'b begins', 'a committed', 'b committed', 'c committed', 'sees 1500'],
  ])
  expect(log.indexOf('c begins')).toBeGreaterThan(log.indexOf('a committed'))
})

test('a batch that cannot be made is refused alone; one that cannot be stored leaves nothing', async () => {
  await using opened = await open()
  const { db } = opened
  const committed: string[] = []
  const note = (name: string) => () => committed.push(name)
  const [first = leaves(1)[0], ...rest] = leaves(100)
  const stored = { multihash: first?.cid.multihash.bytes ?? new Uint8Array(0), links: new Map() }
  const torn = () => ({
    ...batchOf(rest)(),
    blocks: new BlockPacker().pack([
      { ...stored, content: { place: INLINE, bytes: new Uint8Array(3) } },
      { ...stored, multihash: new Uint8Array(34), content: { place: 'stored' } },
    ]),
  })
  const settled = await Promise.allSettled([
    db.storeAside(() => {
      throw new Error('mine')
    }, note('unmade')),
    db.storeAside(torn, note('torn')),
    db.storeAside(batchOf(rest), note('whole')),
    db.write((writer) => writer.prepare(COUNT).pluck().get()),
  ])
  expect(settled.map(({ status }) => status)).toEqual([
    ...['rejected', 'rejected', 'fulfilled', 'fulfilled'],
  ])
  expect(settled[3]).toMatchObject({ value: 99 })
  expect(committed).toEqual(['whole'])
})

test('writes between and beside batches keep their order and are not lost', async () => {
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  const { db } = opened
  await threadRuns(db)
  await db.write((writer) => writer.exec('CREATE TABLE note (id INTEGER PRIMARY KEY, n, blocks)'))
  const blocks = leaves(9000)
  await using lease = opened.store.lease()
  const notes: Promise<unknown>[] = []
  for (const [at, { cid, bytes }] of blocks.entries()) {
    void lease.put(cid, bytes)
    if (at % 50 !== 0) continue
    const n = notes.length
    const job = `INSERT INTO note (n, blocks) VALUES (?, (${COUNT}))`
    notes.push(db.write((writer) => void writer.prepare(job).run(n)))
    if (at % 500 === 0) await delay(1)
  }
  await Promise.all([lease.sync(), ...notes])
  const rows = db.reader.prepare('SELECT n, blocks FROM note ORDER BY id').raw().all() as number[][]
  expect(rows.map(([n]) => n)).toEqual(notes.map((_, at) => at))
  const seen = rows.map(([, count = 0]) => count)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(new Set(seen).size).toBeGreaterThan(3)
  accountsAreRight(opened)
  await allRead(opened.store, blocks)
})

test('checkpoints beside a large import go through, and the -wal stays short', async () => {
  using _limits = withLimits({ walCheckpointBytes: 1024 * 1024 })
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  await threadRuns(opened.db)
  const blocks: Block[] = []
  let running = true
  let most = 0
  let done = 0
  const checkpoints = async () => {
    for (; running; done += 1) {
      await opened.db.checkpoint()
      most = Math.max(most, opened.db.walBytes())
      await delay(5)
    }
    return done
  }
  const checkpointed = checkpoints()
  await using lease = opened.store.lease()
  // On a busy machine it goes on until there were some.
  for (let seed = 1; seed <= 12 || (seed <= 60 && done <= 2); seed += 1) {
    const some = leaves(1000, seed)
    for (const { cid, bytes } of some) void lease.put(cid, bytes)
    blocks.push(...some)
    await delay(1)
  }
  await lease.sync()
  running = false
  expect(await checkpointed).toBeGreaterThan(2)
  // Twice the bound, and what one batch of the thread adds.
  expect(most).toBeLessThan(12 * 1024 * 1024)
  await opened.db.checkpoint()
  expect(opened.db.walBytes()).toBeLessThan(10_000)
  accountsAreRight(opened)
  await allRead(opened.store, blocks)
})

test('what blocks by hundreds left of the -wal goes with the first write after them', async () => {
  using _limits = withLimits({ walCheckpointBytes: 256 * 1024, walAsideBytes: 2 * 1024 * 1024 })
  await using opened = await open()
  const { db } = opened
  for (let seed = 1; seed <= 16; seed += 1) {
    await db.storeAside(batchOf(leaves(1000, seed)), () => {})
  }
  const wal = `${opened.path}-wal`
  expect((await stat(wal)).size).toBeGreaterThan(1024 * 1024)
  await delay(1100)
  await db.write((writer) => writer.exec('CREATE TABLE note (id)'))
  await db.write((writer) => writer.exec('INSERT INTO note VALUES (1)'))
  await expect.poll(async () => (await stat(wal)).size).toBeLessThanOrEqual(512 * 1024)
})

test('a checkpoint waits for the batch that is with the thread, and goes on when that ends', async () => {
  await using opened = await open()
  const { db } = opened
  await db.storeAside(batchOf(leaves(500)), () => {})
  // The thread that checkpoints runs.
  await db.checkpoint()
  const order: string[] = []
  const lock = lockOf(opened.path)
  const aside = db.storeAside(batchOf(leaves(500, 2)), () => order.push('batch'))
  await delay(30)
  const checkpoint = db.checkpoint().then(() => order.push('checkpoint'))
  await delay(100)
  expect(order).toEqual([])
  lock[Symbol.dispose]()
  await Promise.all([aside, checkpoint])
  expect(order).toEqual(['batch', 'checkpoint'])
  expect(db.walBytes()).toBeLessThan(20_000)
})

test('a database that is closed stores what waits, refuses what comes, and leaves no -wal', async () => {
  await using opened = await open()
  const { db } = opened
  const asked = [1, 2, 3].map((seed) => db.storeAside(batchOf(leaves(500, seed)), () => {}))
  await delay(3)
  const closing = db.close()
  expect(await codeOf(db.storeAside(batchOf(leaves(10, 9)), () => {}))).toBe('NODE_CLOSED')
  await Promise.all(asked)
  await closing
  expect((await readdir(opened.folder)).filter((name) => name.startsWith('blocks.db'))).toEqual([
    'blocks.db',
  ])
})

test('a thread that dies while the database is closed leaves no connection open', async () => {
  const dying: { now: () => unknown } = { now: () => undefined }
  await using opened = await open(({ name, path }) => {
    if (name === 'close' && path.endsWith('-wal')) dying.now()
  })
  const { db } = opened
  await db.storeAside(batchOf(leaves(500)), () => {})
  await db.checkpoint()
  await db.storeAside(batchOf(leaves(500, 2)), () => {})
  dying.now = () => opened.threads.at(-1)?.terminate()
  await db.close()
  expect(opened.warnings).toEqual([])
  expect((await readdir(opened.folder)).filter((name) => name.startsWith('blocks.db'))).toEqual([
    'blocks.db',
  ])
})

test.each([0, 5, 20, 60])(
  'a store that is closed %d ms into an import has all that was put, and leaves no -wal',
  async (ms) => {
    await using folder = await temporaryFolder()
    const blocks = leaves(5000)
    {
      await using opened = await openStore({ folder: folder.path })
      await threadRuns(opened.db)
      await using lease = opened.store.lease()
      for (const { cid, bytes } of blocks) void lease.put(cid, bytes)
      const synced = lease.sync()
      await delay(ms)
      await opened[Symbol.asyncDispose]()
      await synced
    }
    expect((await readdir(folder.path)).filter((name) => name.includes('-wal'))).toEqual([])
    await using again = await openStore({ folder: folder.path })
    expect(again.store.totals().blocks).toBe(5000)
    accountsAreRight(again)
  },
)
