import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { type Connection, type Database, type DatabaseInit, openDatabase } from './database.ts'
import { drizzle } from './drizzle.ts'
import { bookMigrations } from './migrations/book.ts'
import * as schema from './schema/book.ts'
import { fromSqlite } from './sqlite-errors.ts'

/** Drizzle with the tables of the book. */
export type BookOrm = BetterSQLite3Database<typeof schema>

/** `prsm.db`: what the node knows besides blocks. `orm` reads; what writes is a job of `database.write`. */
export type Book = AsyncDisposable & { readonly database: Database; readonly orm: BookOrm }

export type BookInit = Omit<DatabaseInit, 'name' | 'migrations' | 'pageBytes'>

const PAGE_BYTES = 4096

/** Opens or makes the book; `path` null keeps it in memory. Throws as `openDatabase` does. */
export async function openBook(init: BookInit): Promise<Book> {
  const database = await openDatabase({
    ...init,
    name: 'book',
    migrations: bookMigrations,
    pageBytes: PAGE_BYTES,
  })
  return {
    database,
    orm: drizzle(database.reader, { schema }),
    [Symbol.asyncDispose]: () => database.close(),
  }
}

/** Reads from the book; what the driver throws comes as one of ours: STORE_CORRUPT, STORAGE_IO. */
export function readBook<T>({ orm, database }: Book, query: (orm: BookOrm) => T): T {
  try {
    return query(orm)
  } catch (error) {
    throw fromSqlite(error, database.reader.name)
  }
}

const writers = new WeakMap<Connection, BookOrm>()

/** Drizzle on the connection that a write job was given: use it within the job only. */
export function bookWriter(connection: Connection): BookOrm {
  const known = writers.get(connection)
  if (known !== undefined) return known
  const orm = drizzle(connection, { schema })
  writers.set(connection, orm)
  return orm
}
