import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import type { Migration } from '../../../src/db/migrate.ts'
import {
  addItem,
  codeOf,
  errorOf,
  itemMigrations,
  openTestDatabase,
  temporaryFolder,
} from '../../support/database.ts'
import { startProgram } from '../../support/program.ts'

const later: readonly Migration[] = [
  ...itemMigrations,
  { version: 2, name: 'notes', sql: 'CREATE TABLE note (text TEXT NOT NULL) STRICT' },
]

/** Another program writes to the database and dies, so that its -wal stays. */
async function dieWithWal(path: string): Promise<void> {
  await using dying = startProgram(new URL('./die-with-wal.ts', import.meta.url), [path])
  await dying.ended
}

function version(path: string): unknown {
  const connection = new Sqlite(path)
  const found = connection.pragma('user_version', { simple: true })
  connection.close()
  return found
}

test('a new file gets its page size, incremental vacuum, WAL and our mark before the first table', async () => {
  await using db = await openTestDatabase()
  const read = (name: string) => db.database.reader.pragma(name, { simple: true })
  expect(read('page_size')).toBe(4096)
  expect(read('auto_vacuum')).toBe(2)
  expect(read('journal_mode')).toBe('wal')
  expect(read('application_id')).toBe(0x5052534d)
  expect(read('user_version')).toBe(1)
})

test('the writer checks foreign keys, never checkpoints by itself, and the reader cannot write', async () => {
  await using db = await openTestDatabase()
  const settings = await db.database.write((writer) =>
    ['foreign_keys', 'synchronous', 'wal_autocheckpoint', 'mmap_size', 'trusted_schema'].map(
      (name) => Number(writer.pragma(name, { simple: true })),
    ),
  )
  expect(settings).toEqual([1, 1, 0, 0, 0])
  expect(() => db.database.reader.exec("INSERT INTO item (name) VALUES ('x')")).toThrow(/readonly/)
})

test('opening again applies what is new, once, and keeps the rows', async () => {
  await using folder = await temporaryFolder()
  for (const migrations of [itemMigrations, later, later]) {
    await using db = await openTestDatabase({ folder: folder.path, migrations })
    await addItem(db.database, `n${migrations.length}-${db.names().length}`)
  }
  await using db = await openTestDatabase({ folder: folder.path, migrations: later })
  expect(db.names()).toEqual(['n1-0', 'n2-1', 'n2-2'])
  expect(db.database.reader.prepare('SELECT count(*) FROM note').pluck().get()).toBe(0)
})

test('opening without a change leaves the bytes as they are', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'test.db')
  for (const _ of [1, 2]) await (await openTestDatabase({ folder: folder.path })).database.close()
  const before = await readFile(path)
  await (await openTestDatabase({ folder: folder.path })).database.close()
  expect(await readFile(path)).toEqual(before)
})

test('a newer file is refused and not touched', async () => {
  await using folder = await temporaryFolder()
  const newer = await openTestDatabase({ folder: folder.path, migrations: later })
  await newer[Symbol.asyncDispose]()
  const path = join(folder.path, 'test.db')
  const before = { bytes: await readFile(path), changed: (await stat(path)).mtimeMs }
  const error = await errorOf(openTestDatabase({ folder: folder.path }))
  expect(error.code).toBe('STORE_TOO_NEW')
  expect(error.message).toContain(path)
  expect(error.details).toEqual({ file: path, version: 2, ours: 1 })
  expect(error.hint).toContain('newer prsm')
  expect(await readdir(folder.path)).toEqual(['test.db'])
  expect({ bytes: await readFile(path), changed: (await stat(path)).mtimeMs }).toEqual(before)
})

test('a newer file whose program died is refused, and its -wal stays', async () => {
  await using folder = await temporaryFolder()
  await (await openTestDatabase({ folder: folder.path })).database.close()
  const path = join(folder.path, 'test.db')
  await dieWithWal(path)
  const wal = await readFile(`${path}-wal`)
  const file = await readFile(path)
  expect(wal.byteLength).toBeGreaterThan(0)
  expect(await codeOf(openTestDatabase({ folder: folder.path }))).toBe('STORE_TOO_NEW')
  expect(await readFile(`${path}-wal`)).toEqual(wal)
  expect(await readFile(path)).toEqual(file)
  expect(version(path)).toBe(9)
})

test('a file of another program is refused and not touched', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'test.db')
  const foreign = new Sqlite(path)
  foreign.exec('CREATE TABLE theirs (a)')
  foreign.close()
  const before = await readFile(path)
  const error = await errorOf(openTestDatabase({ folder: folder.path }))
  expect(error).toMatchObject({ code: 'STORE_CORRUPT' })
  expect(error.hint).toContain('another program')
  expect(await readFile(path)).toEqual(before)
  expect(await readdir(folder.path)).toEqual(['test.db'])
})

test('what is not a database is refused and not touched', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'test.db')
  await writeFile(path, 'not a database '.repeat(1000))
  const error = await errorOf(openTestDatabase({ folder: folder.path }))
  expect(error).toMatchObject({ code: 'STORE_CORRUPT', details: { file: path } })
  expect(error.hint).toContain('backup')
  expect(await readFile(path, 'utf8')).toBe('not a database '.repeat(1000))
})

test('a -wal whose file is gone is refused: SQLite would delete it', async () => {
  await using folder = await temporaryFolder()
  await (await openTestDatabase({ folder: folder.path })).database.close()
  const path = join(folder.path, 'test.db')
  await dieWithWal(path)
  await rm(path)
  expect(await codeOf(openTestDatabase({ folder: folder.path }))).toBe('STORE_CORRUPT')
  expect((await stat(`${path}-wal`)).size).toBeGreaterThan(0)
})

test('a migration that fails leaves the version before it, whole', async () => {
  await using folder = await temporaryFolder()
  const first = await openTestDatabase({ folder: folder.path })
  await addItem(first.database, 'kept')
  await first[Symbol.asyncDispose]()
  const broken = [
    ...later,
    { version: 3, name: 'broken', sql: "INSERT INTO note VALUES ('x'); CREATE TABLE item (a)" },
  ]
  const error = await errorOf(openTestDatabase({ folder: folder.path, migrations: broken }))
  expect(error.message).toContain('migration 3 (broken)')
  await using db = await openTestDatabase({ folder: folder.path, migrations: later })
  expect(db.names()).toEqual(['kept'])
  expect(db.database.reader.prepare('SELECT count(*) FROM note').pluck().get()).toBe(0)
})

test('a folder that is not there is an error of the storage', async () => {
  await using folder = await temporaryFolder()
  const missing = join(folder.path, 'missing')
  const error = await errorOf(openTestDatabase({ folder: missing }))
  expect(error.code).toBe('STORAGE_IO')
  expect(dirname(String(error.details['file']))).toBe(missing)
})
