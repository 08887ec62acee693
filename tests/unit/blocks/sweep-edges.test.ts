import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { blockIndex, dropLostDamage } from '../../../src/blocks/block-index.ts'
import type { Connection, Database } from '../../../src/db/database.ts'
import { unpackLinks } from '../../../src/db/packed-links.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { blockFiles, openStore, temporaryFolder } from '../../support/block-store.ts'
import { leaf, parent, putAll, store } from './dags.ts'
import { threadRuns, withLimits } from './storing-thread.ts'

/** Wraps the next job of the queue. */
function atNextJob(db: Database, around: (run: () => unknown) => unknown): void {
  const write = db.write.bind(db) as (job: (writer: Connection) => unknown) => Promise<unknown>
  const patched = (job: (writer: Connection) => unknown) => {
    Object.assign(db, { write })
    return write((writer) => around(() => job(writer)))
  }
  Object.assign(db, { write: patched })
}

const count = ({ reader }: Database, table: string): number =>
  Number(reader.prepare(`SELECT count(*) FROM ${table}`).pluck().get())

test('a reader that comes while links are forgotten: they are gone all the same', async () => {
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  const { store: blocks, db } = opened
  const [child, other] = [leaf(1), leaf(2)]
  await store(blocks, child, parent(child), other)
  await using collecting = await blocks.collecting()
  await collecting.caughtUp()
  atNextJob(db, (run) => {
    blocks.hold(other.cid)
    return run()
  })
  expect((await collecting.sweep({})).blocks).toBe(2)
  expect(blocks.has(other.cid)).toBe(true)
  expect(count(db, 'links')).toBe(0)
})

test('damage of a block that died, and whose row stays, is forgotten with it', async () => {
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  const { store: blocks, db } = opened
  const child = leaf(1, 100_000)
  const named = parent(child)
  await store(blocks, child, named)
  for (const path of await blockFiles(folder.path)) await writeFile(path, Buffer.alloc(100_000))
  await expect(blocks.get(child.cid)).rejects.toMatchObject({ code: 'BLOCK_CORRUPT' })
  await db.write(() => {})
  {
    await using collecting = await blocks.collecting()
    await collecting.caughtUp()
    // Of the new epoch now: the row of the child stays for it.
    await store(blocks, named)
    const write = db.write.bind(db) as (job: unknown) => Promise<unknown>
    const cut = async (job: unknown) => {
      if (job === dropLostDamage) throw new Error('the collection is cut short')
      return await write(job)
    }
    Object.assign(db, { write: cut })
    await expect(collecting.sweep({})).rejects.toThrow('cut short')
    Object.assign(db, { write })
  }
  expect(blocks.has(child.cid)).toBe(false)
  expect(count(db, 'damaged')).toBe(0)
  await using lease = blocks.lease()
  await putAll(lease, [child])
  const row = blockIndex.find(db.reader, child.cid.multihash.bytes)
  expect(row && blockIndex.isDamaged(db.reader, row.id)).toBe(false)
  expect(await blocks.missingBelow(named.cid, { lease, atMost: 5 })).toEqual([])
})

test('marks of damage of blocks that are gone go at the end', async () => {
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  const { store: blocks, db } = opened
  const [dead, young] = [leaf(1, 100_000), leaf(2)]
  await store(blocks, dead)
  // The row with the highest id stays in any case.
  await store(blocks, young)
  for (const path of await blockFiles(folder.path)) await writeFile(path, Buffer.alloc(100_000))
  await expect(blocks.get(dead.cid)).rejects.toMatchObject({ code: 'BLOCK_CORRUPT' })
  await db.write(() => {})
  expect(count(db, 'damaged')).toBe(1)
  await using collecting = await blocks.collecting()
  await collecting.caughtUp()
  expect((await collecting.sweep({})).blocks).toBe(2)
  expect(count(db, 'damaged')).toBe(0)
})

test('as much is freed as was asked for, of large and small blocks in any order', async () => {
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  const { store: blocks } = opened
  for (let i = 0; i < 20; i++) await store(blocks, leaf(i, 60_000), leaf(100 + i, 65_537))
  await using collecting = await blocks.collecting()
  await collecting.caughtUp()
  const { bytes, fileBytes } = await collecting.sweep({ bytes: 1_037_000 })
  expect(Math.max(bytes, fileBytes)).toBeGreaterThanOrEqual(1_037_000)
  expect(Math.max(bytes, fileBytes)).toBeLessThan(1_200_000)
})

test.each([
  ['of the same transaction', false],
  ['of the thread', true],
])('a commit that is undone leaves no ids to the next one %s', async (_, aside) => {
  // Each of the two is a batch of its own; a store in memory has no thread.
  using _limits = withLimits({ storeAsideWeight: 400 })
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: aside ? folder.path : null })
  const { store: blocks, db } = opened
  if (aside) await threadRuns(db)
  await db.write((writer) => {
    writer.exec(REFUSAL)
  })
  for (let attempt = 0; attempt < 12; attempt += 1) {
    const first = attempt * 1000
    const leaves = Array.from({ length: 420 }, (_, index) => leaf(10_000 + first + index, 40))
    const [undone, kept] = [parent(...leaves), parent(leaf(5 + first, 40), ...leaves)]
    await using one = blocks.lease()
    await using two = blocks.lease()
    await db.write((writer) => {
      writer.prepare('INSERT INTO refused VALUES (?)').run(undone.cid.multihash.bytes)
    })
    await Promise.all([one.put(undone.cid, undone.bytes), two.put(kept.cid, kept.bytes)])
    const [refused, taken] = await Promise.allSettled([one.sync(), two.sync()])
    expect([refused.status, taken.status]).toEqual(['rejected', 'fulfilled'])
    const rows = db.reader.prepare('SELECT id, multihash FROM block').all() as Row[]
    const byId = new Map(rows.map(({ id, multihash }) => [id, hexOf(multihash)]))
    const names = namesOf(db, kept.cid.multihash.bytes).map((id) => byId.get(id))
    expect(names.slice(1)).toEqual(leaves.map(({ cid }) => hexOf(cid.multihash.bytes)))
  }
})

/** Undoes the commit of some blocks by an error of its last statement, which leaves the transaction alive. */
const REFUSAL = `CREATE TABLE refused (multihash BLOB PRIMARY KEY);
  CREATE TRIGGER refuse BEFORE INSERT ON links
  WHEN (SELECT multihash FROM block WHERE id = NEW.parent) IN (SELECT multihash FROM refused)
  BEGIN SELECT RAISE(ABORT, 'undone'); END`

type Row = { readonly id: number; readonly multihash: Uint8Array }

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function namesOf({ reader }: Database, multihash: Uint8Array): readonly number[] {
  const sql = 'SELECT children FROM links JOIN block ON block.id = parent WHERE multihash = ?'
  const children = reader.prepare(sql).pluck().get(multihash) as Uint8Array
  return [...unpackLinks(children)].map(({ child }) => child)
}

test('leases that are to be durable during a commit share the next one', async () => {
  await using folder = await temporaryFolder()
  const files = createFilePort({
    before: ({ name, path }) =>
      name === 'datasync' && path.endsWith('-wal') ? delay(50) : undefined,
  })
  await using opened = await openStore({ folder: folder.path, files })
  const { store: blocks, db } = opened
  let jobs = 0
  const write = db.write.bind(db) as (job: (writer: Connection) => unknown) => Promise<unknown>
  const counted = (job: (writer: Connection) => unknown) => {
    jobs += 1
    return write(job)
  }
  Object.assign(db, { write: counted })
  const storing: Promise<void>[] = []
  for (let index = 0; index < 50; index += 1) {
    storing.push(store(blocks, leaf(900 + index)))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(storing)
  expect(jobs).toBeLessThan(20)
})

test('a directory that cannot be synced after a sweep is a fault of the disk, and is synced by the next', async () => {
  await using folder = await temporaryFolder()
  let broken = false
  const files = createFilePort({
    before: ({ name, path }) =>
      broken && name === 'syncDirectory' && path.includes('/blocks/')
        ? Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
        : undefined,
  })
  await using opened = await openStore({ folder: folder.path, files })
  await store(opened.store, leaf(1, 100_000))
  {
    await using collecting = await opened.store.collecting()
    await collecting.sweep({})
  }
  broken = true
  await expect(opened.store.giveBack()).rejects.toMatchObject({ code: 'STORAGE_IO' })
  broken = false
  await opened.store.giveBack()
  expect(blockIndex.meta(opened.db.reader, 'unclean_directory')).toBe(0)
})
