import { randomBytes } from 'node:crypto'
import { readdir, truncate, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { blockIndex } from '../../../src/blocks/block-index.ts'
import { KeyFilter } from '../../../src/blocks/key-filter.ts'
import { openBlockIndex } from '../../../src/blocks/open-index.ts'
import type { Connection, Database } from '../../../src/db/database.ts'
import { startDatabaseWorker } from '../../../src/db/worker.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import {
  blockFileName,
  blockFiles,
  type OpenStore,
  openStore,
  rawCid,
  stored,
  temporaryFolder,
} from '../../support/block-store.ts'
import { collectAll, leaf, parent, store } from './dags.ts'

const anyKey = () => randomBytes(34).toString('latin1')

type Index = AsyncDisposable & { readonly db: Database; readonly path: string }

/** An index of blocks with so many rows. */
async function indexOf(rows: number): Promise<Index> {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await temporaryFolder())
  const worker = stack.use(startDatabaseWorker())
  const files = createFilePort()
  const db = stack.use(await openBlockIndex({ path: join(path, 'blocks.db'), files, worker }))
  await db.write((writer) => addRows(writer, Array.from({ length: rows }, anyKey)))
  const open = stack.move()
  return { db, path, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

function addRows(writer: Connection, keys: Iterable<string>): void {
  const sql = 'INSERT INTO block (multihash, place, size, epoch) VALUES (?, 0, 0, 1)'
  const insert = writer.prepare(sql)
  for (const key of keys) insert.run(Buffer.from(key, 'latin1'))
}

function keysOf({ reader }: Database): readonly string[] {
  const rows = reader.prepare('SELECT multihash FROM block').pluck().all() as Uint8Array[]
  return rows.map((multihash) => Buffer.from(multihash).toString('latin1'))
}

/** Counts the pages of keys that are asked of a database. */
function countFills({ db }: { readonly db: Database }): { begun: number; ended: number } {
  const asked = { begun: 0, ended: 0 }
  const ask = db.ask.bind(db)
  const counting: Database['ask'] = async (name, input) => {
    asked.begun += 1
    const page = await ask(name, input)
    asked.ended += 1
    return page
  }
  Object.assign(db, { ask: counting })
  return asked
}

const nothingPending = () => []

/** Waits until the filter is asked: then a key that was never added is not in it. */
async function filled(filter: KeyFilter): Promise<void> {
  while (filter.mayHave(anyKey())) await turn()
}

function miss(filter: KeyFilter, times: number): void {
  for (let time = 0; time < times; time += 1) filter.missed()
}

describe('the filter of keys', () => {
  it('is made after as many misses, and then has what is stored, was on its way or came since', async () => {
    await using index = await indexOf(5_000)
    const asked = countFills(index)
    const [pending, meanwhile, after] = [anyKey(), anyKey(), anyKey()]
    await using filter = new KeyFilter({
      ...{ db: index.db, pending: () => [pending], misses: 10 },
    })
    miss(filter, 9)
    await turn()
    expect(asked.begun).toBe(0)
    expect(filter.mayHave(anyKey())).toBe(true)
    filter.missed()
    filter.added(meanwhile)
    expect(filter.mayHave(anyKey())).toBe(true)
    await filled(filter)
    filter.added(after)
    const known = [pending, meanwhile, after, ...keysOf(index.db)]
    expect(known.filter((key) => !filter.mayHave(key))).toEqual([])
    const { begun } = asked
    miss(filter, 100)
    await turn()
    expect(asked.begun).toBe(begun)
  })

  it('grows when it has more keys than it is made for, and loses none while it does', async () => {
    await using index = await indexOf(0)
    const pending = new Set<string>()
    const init = { db: index.db, pending: () => pending, misses: 10, keys: 64 }
    await using filter = new KeyFilter(init)
    const keys: string[] = []
    const lost = () => keys.filter((key) => !filter.mayHave(key))
    const mistakes = () =>
      Array.from({ length: 2_000 }, anyKey).filter((key) => filter.mayHave(key)).length
    miss(filter, 10)
    await filled(filter)
    for (let batch = 0; batch < 50; batch += 1) {
      for (let count = 0; count < 200; count += 1) {
        const key = anyKey()
        filter.added(key)
        pending.add(key)
        keys.push(key)
        if (count % 50 === 0) await turn()
      }
      await index.db.write((writer) => addRows(writer, pending))
      pending.clear()
      expect(lost()).toEqual([])
    }
    while (mistakes() > 20) {
      filter.added(keys[0] ?? '')
      await turn()
    }
    expect(lost()).toEqual([])
  })

  it('is not made for less than its share of what is stored', async () => {
    await using index = await indexOf(0)
    await index.db.write((writer) => {
      writer.prepare("UPDATE meta SET value = 801 WHERE key = 'blocks'").run()
    })
    const asked = countFills(index)
    await using filter = new KeyFilter({ db: index.db, pending: nothingPending, misses: 10 })
    miss(filter, 100)
    expect(asked.begun).toBe(0)
    filter.missed()
    expect(asked.begun).toBe(1)
    await filled(filter)
  })

  it('that could not be filled is tried again after as many misses, and not before', async () => {
    await using index = await indexOf(10)
    let fails = true
    let fills = 0
    const ask: Database['ask'] = async (name, input) => {
      fills += 1
      if (fails) throw new Error('made by the test')
      return await index.db.ask(name, input)
    }
    const db = { reader: index.db.reader, ask }
    await using filter = new KeyFilter({ db, pending: nothingPending, misses: 10 })
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      miss(filter, 9)
      await turn()
      expect(fills).toBe(attempt - 1)
      filter.missed()
      await turn()
      expect(fills).toBe(attempt)
      expect(filter.mayHave(anyKey())).toBe(true)
    }
    fails = false
    miss(filter, 10)
    await filled(filter)
    expect(keysOf(index.db).every((key) => filter.mayHave(key))).toBe(true)
  })

  it('is filled no further once it is closed, and asks nothing afterwards', async () => {
    await using index = await indexOf(50_000)
    const asked = countFills(index)
    const filter = new KeyFilter({ db: index.db, pending: nothingPending, misses: 1 })
    filter.missed()
    await filter[Symbol.asyncDispose]()
    expect(asked).toEqual({ begun: 1, ended: 1 })
    miss(filter, 10)
    await turn()
    expect(asked.begun).toBe(1)
    expect(filter.mayHave(anyKey())).toBe(true)
  })
})

/** Counts look-ups of blocks that are put. Before the first of them. */
function countLookUps({ db }: OpenStore): { count: number } {
  const looked = { count: 0 }
  const prepare = db.reader.prepare.bind(db.reader)
  const counting = (sql: string) => {
    const prepared = prepare(sql)
    if (!sql.endsWith('segments FROM block WHERE multihash = ?')) return prepared
    const get = prepared.get.bind(prepared)
    return Object.assign(prepared, {
      get: (...params: unknown[]) => {
        looked.count += 1
        return get(...params)
      },
    })
  }
  Object.assign(db.reader, { prepare: counting })
  return looked
}

/** A store whose filter is made at the first miss, and asked by now. */
async function openFiltered(folder: string): Promise<OpenStore & { looked: { count: number } }> {
  const open = await openStore({ folder, inlineBytes: 1_000, keyFilter: { misses: 1 } })
  const looked = countLookUps(open)
  for (;;) {
    const before = looked.count
    await stored(open, randomBytes(50))
    if (looked.count === before) return { ...open, looked }
  }
}

/** Puts blocks under a lease of their own, and gives how many bytes were new, and how many were there. */
async function put({ store: blocks }: OpenStore, ...all: Uint8Array[]): Promise<[number, number]> {
  await using lease = blocks.lease()
  for (const bytes of all) await lease.put(rawCid(bytes), bytes)
  await lease.sync()
  return [lease.newBytes, lease.reusedBytes]
}

describe('a store with a filter of keys', () => {
  it('looks up none of the new blocks, and all that it may have', async () => {
    await using folder = await temporaryFolder()
    await using open = await openFiltered(folder.path)
    const { looked } = open
    const before = looked.count
    const blocks = Array.from({ length: 500 }, () => randomBytes(100))
    expect(await put(open, ...blocks)).toEqual([50_000, 0])
    expect(looked.count - before).toBeLessThanOrEqual(5)
    const between = looked.count
    expect(await put(open, ...blocks)).toEqual([0, 50_000])
    expect(looked.count - between).toBe(500)
  })

  it('does not make one where nobody writes much, nor in memory', async () => {
    await using folder = await temporaryFolder()
    await using few = await openStore({ folder: folder.path })
    await using memory = await openStore({ folder: null, keyFilter: { misses: 1 } })
    for (const open of [few, memory]) {
      const looked = countLookUps(open)
      for (let count = 0; count < 100; count += 1) await stored(open, randomBytes(50))
      expect(looked.count).toBeGreaterThanOrEqual(100)
    }
  })

  it('meets blocks from before, in files and in the database, and those on their way when it was made', async () => {
    await using folder = await temporaryFolder()
    const old = [randomBytes(100), randomBytes(5_000), randomBytes(100_000)]
    {
      await using open = await openStore({ folder: folder.path, inlineBytes: 1_000 })
      await stored(open, ...old)
    }
    await using open = await openStore({
      ...{ folder: folder.path, inlineBytes: 1_000, keyFilter: { misses: 20 } },
    })
    const looked = countLookUps(open)
    const young = Array.from({ length: 30 }, () => randomBytes(90))
    await using lease = open.store.lease()
    for (const bytes of young) await lease.put(rawCid(bytes), bytes)
    for (;;) {
      const before = looked.count
      const bytes = randomBytes(50)
      await lease.put(rawCid(bytes), bytes)
      young.push(bytes)
      if (looked.count === before) break
      await turn()
    }
    await lease.sync()
    expect((await put(open, ...old))[0]).toBe(0)
    expect((await put(open, ...young))[0]).toBe(0)
  })

  it('writes damaged blocks anew', async () => {
    await using folder = await temporaryFolder()
    const [cut, gone] = [randomBytes(100_000), randomBytes(100_000)]
    {
      await using open = await openStore({ folder: folder.path, inlineBytes: 1_000 })
      await stored(open, cut, gone)
    }
    await using open = await openFiltered(folder.path)
    for (const path of await blockFiles(folder.path)) {
      if (path.endsWith(blockFileName(cut))) await truncate(path, 50_000)
      else await unlink(path)
    }
    for (const bytes of [cut, gone]) {
      const read = open.store.get(rawCid(bytes))
      await expect(read).rejects.toMatchObject({ code: 'BLOCK_CORRUPT' })
      expect(await put(open, bytes)).toEqual([bytes.length, 0])
      expect(Buffer.compare(await open.store.get(rawCid(bytes)), bytes)).toBe(0)
      expect(await put(open, bytes)).toEqual([0, bytes.length])
    }
    expect(open.db.reader.prepare('SELECT block FROM damaged').all()).toEqual([])
    expect(await blockFiles(folder.path)).toHaveLength(2)
  })

  it('stores a block that was only named, before it was made or since, in the row it has', async () => {
    await using folder = await temporaryFolder()
    const [early, late, large] = [leaf(1), leaf(2), leaf(3, 5_000)]
    const [one, two] = [parent(early), parent(late, large)]
    {
      await using open = await openStore({ folder: folder.path, inlineBytes: 1_000 })
      await store(open.store, one)
    }
    await using open = await openFiltered(folder.path)
    await store(open.store, two)
    const { blocks, bytes } = open.store.totals()
    for (const child of [early, late, large]) {
      const row = () => blockIndex.find(open.db.reader, child.cid.multihash.bytes)
      const named = row()
      expect(named?.place).toBe(0)
      await store(open.store, child)
      expect(row()).toMatchObject({ id: named?.id, size: child.bytes.length })
      expect(Buffer.compare(await open.store.get(child.cid), child.bytes)).toBe(0)
    }
    expect(open.store.totals()).toMatchObject({ blocks: blocks + 3, bytes: bytes + 5_600 })
  })

  it('stores anew what was deleted or collected', async () => {
    await using folder = await temporaryFolder()
    await using open = await openFiltered(folder.path)
    const [small, large] = [randomBytes(100), randomBytes(100_000)]
    const takenAway = [
      async () => {
        for (const bytes of [small, large]) await open.store.delete(rawCid(bytes))
      },
      () => collectAll(open.store),
    ]
    for (const takeAway of takenAway) {
      expect(await put(open, small, large)).toEqual([100_100, 0])
      await takeAway()
      expect(open.store.has(rawCid(small)) || open.store.has(rawCid(large))).toBe(false)
    }
    expect(await put(open, small, large)).toEqual([100_100, 0])
    expect(Buffer.compare(await open.store.get(rawCid(large)), large)).toBe(0)
  })

  it('takes no new block after a failed sync', async () => {
    await using folder = await temporaryFolder()
    let fails = false
    const files = createFilePort({
      before: ({ name, path }) => {
        if (!fails || name !== 'datasync' || !path.endsWith('-wal')) return
        return Object.assign(new Error('EIO: made by the test'), { code: 'EIO' })
      },
    })
    await using open = await openStore({ folder: folder.path, files, keyFilter: { misses: 1 } })
    const looked = countLookUps(open)
    for (let before = -1; looked.count !== before; ) {
      before = looked.count
      await stored(open, randomBytes(50))
    }
    fails = true
    await expect(stored(open, randomBytes(50))).rejects.toMatchObject({ code: 'STORAGE_IO' })
    const { failure } = open.db
    expect(failure).toBeDefined()
    await using lease = open.store.lease()
    const bytes = randomBytes(50)
    await expect(lease.put(rawCid(bytes), bytes)).rejects.toBe(failure)
  })

  it('that is closed while it is made leaves nothing behind', async () => {
    await using folder = await temporaryFolder()
    {
      await using open = await openStore({ folder: folder.path })
      await open.db.write((writer) => addRows(writer, Array.from({ length: 50_000 }, anyKey)))
    }
    {
      await using open = await openStore({ folder: folder.path, keyFilter: { misses: 1 } })
      const asked = countFills(open)
      await put(open, randomBytes(50))
      await open.store[Symbol.asyncDispose]()
      const { begun, ended } = asked
      expect([begun > 0, ended]).toEqual([true, begun])
      await delay(50)
      expect(asked.begun).toBe(begun)
    }
    expect((await readdir(folder.path)).sort()).toEqual(['blocks', 'blocks.db'])
    await using open = await openStore({ folder: folder.path })
    expect(open.store.totals().blocks).toBe(1)
  })
})
