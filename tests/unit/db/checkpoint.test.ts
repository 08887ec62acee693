import { readdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { PrsmError } from '../../../src/core/errors.ts'
import { limits } from '../../../src/core/limits.ts'
import type { Input, OperationName } from '../../../src/db/worker-operations.ts'
import {
  addItem,
  codeOf,
  errorOf,
  openTestDatabase,
  type TestDatabase,
} from '../../support/database.ts'

const MIB = 1024 * 1024

/** The length of the -wal file again and again, its maximum at the end. */
function watchWal(path: string): () => Promise<number> {
  let most = 0
  const look = async (): Promise<void> => {
    most = Math.max(most, (await stat(`${path}-wal`)).size)
  }
  const timer = setInterval(look, 10)
  return async () => {
    clearInterval(timer)
    await look()
    return most
  }
}

async function store(db: TestDatabase, names: readonly string[], bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < names.length; at += 16) {
    await Promise.all(names.slice(at, at + 16).map((name) => addItem(db.database, name, bytes)))
  }
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`)
}

test('under load the -wal stays bounded, the event loop turns, nothing is lost', async () => {
  await using db = await openTestDatabase()
  const all = numbered('n', 3200)
  const watched = watchWal(db.path)
  const delay = monitorEventLoopDelay({ resolution: 2 })
  delay.enable()
  await store(db, all, new Uint8Array(64 * 1024).fill(7))
  delay.disable()
  expect(await watched()).toBeLessThan(2.5 * limits.walCheckpointBytes)
  expect(delay.percentile(99) / 1e6).toBeLessThan(250)
  expect(db.warnings).toEqual([])
  expect(db.names()).toEqual(all)
  expect(db.database.fileBytes()).toBeGreaterThan(200 * MIB)

  const folder = dirname(db.path)
  await db.database.close()
  expect(await readdir(folder)).toEqual(['test.db'])
  await using again = await openTestDatabase({ folder })
  expect(again.names()).toEqual(all)
  const check = again.database.reader.pragma('integrity_check', { simple: true })
  expect(check).toBe('ok')
}, 60_000)

test('checkpoint brings everything into the file, also while others write and ask for it', async () => {
  await using db = await openTestDatabase()
  await store(db, numbered('a', 50), new Uint8Array(50_000))
  const writing = store(db, numbered('b', 50), new Uint8Array(50_000))
  await Promise.all([db.database.checkpoint(), db.database.checkpoint(), writing])
  await db.database.checkpoint()
  expect(db.database.walBytes()).toBeLessThan(10_000)
  const onlyFile = new Sqlite(db.path, { readonly: true })
  expect(onlyFile.prepare('SELECT count(*) FROM item').pluck().get()).toBe(100)
  onlyFile.close()
  expect((await stat(db.path)).size).toBeGreaterThan(5_000_000)
})

test('a reader in the way is a warning; the -wal grows meanwhile and shrinks afterwards', async () => {
  await using db = await openTestDatabase()
  await addItem(db.database, 'first')
  const other = new Sqlite(db.path, { readonly: true, timeout: 0 })
  other.exec('BEGIN')
  other.prepare('SELECT count(*) FROM item').get()

  expect(await codeOf(db.database.checkpoint())).toBe('STORE_LOCKED')
  await store(db, numbered('n', 800), new Uint8Array(64 * 1024))
  await expect
    .poll(
      async () => {
        await addItem(db.database, `meanwhile${performance.now()}`)
        return db.warnings.map(({ code }) => code)
      },
      { timeout: 10_000 },
    )
    .toContain('STORE_LOCKED')
  expect(db.database.walBytes()).toBeGreaterThan(2 * limits.walCheckpointBytes)

  other.exec('COMMIT')
  other.close()
  await expect
    .poll(
      async () => {
        await addItem(db.database, `late${performance.now()}`)
        return db.database.walBytes()
      },
      { timeout: 10_000 },
    )
    .toBeLessThan(MIB)
  expect((await stat(`${db.path}-wal`)).size).toBeLessThan(2 * limits.walCheckpointBytes + MIB)
  expect(db.names().filter((name) => name.startsWith('n'))).toEqual(numbered('n', 800))
}, 30_000)

test('a checkpoint that cannot be synced ends writing, and the -wal keeps all', async () => {
  await using db = await openTestDatabase()
  await store(db, numbered('n', 20), new Uint8Array(10_000))
  const request = db.worker.request.bind(db.worker)
  const cause = new PrsmError('STORAGE_IO', 'EIO', { details: { unsynced: true } })
  const failing = async (name: OperationName, input: { path: string }) => {
    if (name === 'checkpoint') throw cause
    return await request(name, input as Input<typeof name>)
  }
  Object.assign(db.worker, { request: failing })
  const walBytes = db.database.walBytes()
  expect(await errorOf(db.database.checkpoint())).toMatchObject({ code: 'STORAGE_IO', cause })
  expect(db.failures).toHaveLength(1)
  expect(await codeOf(addItem(db.database, 'later'))).toBe('STORAGE_IO')
  await db.database.close()
  expect((await stat(`${db.path}-wal`)).size).toBeGreaterThanOrEqual(walBytes)
  await using again = await openTestDatabase({ folder: dirname(db.path) })
  expect(again.names()).toEqual(numbered('n', 20))
})

test('a database that was only read needs no worker', async () => {
  await using first = await openTestDatabase()
  await addItem(first.database, 'kept')
  await first.database.close()
  await using again = await openTestDatabase({ folder: dirname(first.path) })
  expect(again.names()).toEqual(['kept'])
  await again.worker.close()
  await again.database.close()
  expect(again.warnings).toEqual([])
  expect(await readdir(dirname(first.path))).toEqual(['test.db'])
})

test('without its worker a database still writes and closes whole', async () => {
  await using db = await openTestDatabase()
  await db.worker.close()
  await addItem(db.database, 'first')
  // It would have waited for a new thread.
  expect(db.warnings).toEqual([])
  await store(db, numbered('n', 600), new Uint8Array(64 * 1024))
  expect(db.warnings.map(({ code }) => code)).toContain('NODE_CLOSED')
  await db.database.close()
  await using again = await openTestDatabase({ folder: dirname(db.path) })
  expect(again.names()).toEqual(['first', ...numbered('n', 600)])
}, 30_000)
