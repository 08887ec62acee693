import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import Sqlite from 'better-sqlite3'
import { expect } from 'vitest'
import type { BlockStore } from '../../../src/blocks/block-store.ts'
import type { Lease } from '../../../src/blocks/lease.ts'
import { limits } from '../../../src/core/limits.ts'
import type { Database } from '../../../src/db/database.ts'
import { unpackLinks } from '../../../src/db/packed-links.ts'
import { openStore, rawCid, type StoreInit, temporaryFolder } from '../../support/block-store.ts'
import { noise, sameBytes } from '../../support/content.ts'
import { type Block, store } from './dags.ts'

/** A store in a folder of its own, with the thread that stores blocks running. */
export async function openWithThread(init: Omit<StoreInit, 'folder'> = {}) {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const threads = stack.use(storingThreads())
  const opened = stack.use(await openStore({ ...init, folder: folder.path }))
  await threadRuns(opened.db)
  const all = stack.move()
  return {
    ...opened,
    threads: threads.started,
    folder: folder.path,
    path: `${folder.path}/blocks.db`,
    reopen: async () => {
      await opened[Symbol.asyncDispose]()
      return openStore({ folder: folder.path })
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** The same, with what is told of as stored from here on; the -wal is begun, and the thread knows the file. */
export async function openTelling(init: Omit<StoreInit, 'folder'> = {}) {
  const told: string[] = []
  const opened = await openWithThread({ onStored: (cid) => told.push(`${cid}`), ...init })
  await store(opened.store, ...leaves(1300, 1000))
  told.length = 0
  return { ...opened, told }
}

/** Waits until the thread that stores blocks runs. */
export async function threadRuns(db: Database): Promise<void> {
  while (!db.canStoreAside({ start: true })) await delay(2)
}

/** The threads of this process that store blocks, as they start. */
export function storingThreads(): Disposable & { readonly started: readonly Worker[] } {
  const started: Worker[] = []
  const note = (worker: Worker): void => {
    if (worker.threadName === 'prsm-store') started.push(worker)
  }
  process.on('worker', note)
  return { started, [Symbol.dispose]: () => process.off('worker', note) }
}

/** Other limits until the end of the scope. */
export function withLimits(other: Partial<Record<keyof typeof limits, number>>): Disposable {
  const before = { ...limits }
  Object.assign(limits, other)
  return { [Symbol.dispose]: () => void Object.assign(limits, before) }
}

/** Different small blocks. */
export function leaves(count: number, seed = 1, bytes = 200): Block[] {
  return Array.from({ length: count }, (_, at) => {
    const content = noise(bytes, seed * 1_000_000 + at)
    return { cid: rawCid(content), bytes: content }
  })
}

/** Takes all in at once, without waiting for room as an import does. What fails is told by the lease's `sync`. */
export function putAtOnce(lease: Lease, blocks: readonly Block[]): void {
  for (const { cid, bytes } of blocks) lease.put(cid, bytes)?.catch(() => {})
}

/** Rows that the event loop's own connection has changed since it was opened. */
export function ownChanges(db: Database): Promise<number> {
  return db.write((writer) => Number(writer.prepare('SELECT total_changes()').pluck().get()))
}

/** Holds the write lock of a database, as another program would. */
export function lockOf(path: string): Disposable {
  const other = new Sqlite(path, { timeout: 1000 })
  other.exec('BEGIN IMMEDIATE')
  let held = true
  return {
    [Symbol.dispose]: () => {
      if (!held) return
      held = false
      other.exec('ROLLBACK')
      other.close()
    },
  }
}

type Store = { readonly store: BlockStore; readonly db: Database }

/** The totals are those of the rows, each row has its bytes, and no reference is lost: as of one moment. */
export function accountsAreRight({ store, db }: Store): void {
  db.reader.transaction(() => compareAccounts({ store, db }))()
}

function compareAccounts({ store, db }: Store): void {
  const rows = db.reader
    .prepare(
      `SELECT count(*) AS blocks, coalesce(sum(size), 0) AS bytes,
         coalesce(sum(CASE place WHEN 2 THEN (size + 4095) / 4096 * 4096 END), 0) AS fileBytes
       FROM block WHERE place <> 0`,
    )
    .get()
  expect(store.totals()).toEqual(rows)
  const lost = db.reader
    .prepare(
      `SELECT id FROM block LEFT JOIN inline USING (id)
       WHERE (place = 1) <> (bytes IS NOT NULL) OR (place = 1 AND length(bytes) <> size)`,
    )
    .all()
  expect(lost).toEqual([])
  expect(db.reader.pragma('foreign_key_check')).toEqual([])
  expect(lostLinks(db)).toEqual([])
}

/** Links to rows that are gone. */
function lostLinks({ reader }: Database): number[] {
  const ids = new Set(reader.prepare('SELECT id FROM block').pluck().all())
  const links = reader.prepare('SELECT children FROM links').pluck().all() as Uint8Array[]
  return links.flatMap(unpackLinks).flatMap(({ child }) => (ids.has(child) ? [] : [child]))
}

/** Reads all blocks back, in pieces. */
export async function allRead(store: BlockStore, blocks: readonly Block[]): Promise<void> {
  for (const { cid, bytes } of blocks) {
    if (!sameBytes(await store.get(cid), bytes)) throw new Error(`${cid} reads otherwise`)
  }
}
