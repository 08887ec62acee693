import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PrsmError } from '../../src/core/errors.ts'
import { type Database, openDatabase } from '../../src/db/database.ts'
import type { Migration } from '../../src/db/migrate.ts'
import { type DatabaseWorker, startDatabaseWorker } from '../../src/db/worker.ts'
import { type BeforeOperation, createFilePort } from '../../src/files/file-port.ts'

/** A folder of its own, removed at the end of the scope. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'prsm-db-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export const itemMigrations: readonly Migration[] = [
  {
    version: 1,
    name: 'items',
    sql: 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes BLOB) STRICT',
  },
]

export type TestDatabase = AsyncDisposable & {
  readonly database: Database
  readonly worker: DatabaseWorker
  readonly path: string
  readonly failures: PrsmError[]
  readonly warnings: PrsmError[]
  /** The names in the table, in the order of their ids. */
  names(): string[]
}

export type TestDatabaseInit = {
  /** Default: a folder of its own. */
  readonly folder?: string
  readonly before?: BeforeOperation
  readonly migrations?: readonly Migration[]
}

/** A database in a real file, with a table `item`. */
export async function openTestDatabase(init: TestDatabaseInit = {}): Promise<TestDatabase> {
  await using stack = new AsyncDisposableStack()
  const folder = init.folder ?? stack.use(await temporaryFolder()).path
  const worker = stack.use(startDatabaseWorker())
  const path = join(folder, 'test.db')
  const failures: PrsmError[] = []
  const warnings: PrsmError[] = []
  const database = stack.use(
    await openDatabase({
      path,
      name: 'book',
      migrations: init.migrations ?? itemMigrations,
      pageBytes: 4096,
      files: createFilePort(init.before && { before: init.before }),
      worker,
      onFailure: (error) => failures.push(error),
      onWarning: (error) => warnings.push(error),
    }),
  )
  const opened = stack.move()
  return {
    database,
    worker,
    path,
    failures,
    warnings,
    names: () => names(database),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

export function names(database: Database): string[] {
  return database.reader
    .prepare<[], string>('SELECT name FROM item ORDER BY id')
    .pluck()
    .all() as string[]
}

/** A job that stores a row. */
export function addItem(database: Database, name: string, bytes?: Uint8Array): Promise<void> {
  return database.write((writer) => {
    writer.prepare('INSERT INTO item (name, bytes) VALUES (?, ?)').run(name, bytes ?? null)
  })
}

/** The code `work` rejects with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await errorOf(work)).code
}

export async function errorOf(work: Promise<unknown>): Promise<PrsmError> {
  try {
    await work
  } catch (error) {
    if (error instanceof PrsmError) return error
    throw error
  }
  throw new Error('it did not reject')
}
