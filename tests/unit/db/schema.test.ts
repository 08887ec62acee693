import Sqlite from 'better-sqlite3'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { expect, test } from 'vitest'
import { getTableConfig } from '../../../src/db/drizzle.ts'
import { type Migration, migrate } from '../../../src/db/migrate.ts'
import { blocksMigrations } from '../../../src/db/migrations/blocks.ts'
import { bookMigrations } from '../../../src/db/migrations/book.ts'
import * as blocks from '../../../src/db/schema/blocks.ts'
import * as book from '../../../src/db/schema/book.ts'

type Column = { name: string; type: string; notNull: boolean; key: number }

/** Columns by name. A rowid table's INTEGER PRIMARY KEY is never null, though SQLite lists it as nullable. */
function migrated(connection: Sqlite.Database, table: string): Column[] {
  const rows = connection.pragma(`table_info(${table})`) as {
    name: string
    type: string
    notnull: number
    pk: number
  }[]
  return rows.map(({ name, type, notnull, pk }) => ({
    name,
    type,
    notNull: notnull === 1 || (pk > 0 && type === 'INTEGER'),
    key: pk,
  }))
}

function declared(table: SQLiteTable): Column[] {
  const { columns, primaryKeys } = getTableConfig(table)
  const composite = primaryKeys.flatMap((key) => key.columns.map((column) => column.name))
  return columns.map((column) => ({
    name: column.name,
    type: column.getSQLType().toUpperCase(),
    notNull: column.notNull,
    key: column.primary ? 1 : composite.indexOf(column.name) + 1,
  }))
}

type UniqueKey = readonly string[]

function migratedUniques(connection: Sqlite.Database, table: string): UniqueKey[] {
  const indexes = connection.pragma(`index_list(${table})`) as { name: string; origin: string }[]
  return indexes
    .filter(({ origin }) => origin === 'u')
    .map(({ name }) => connection.pragma(`index_info(${name})`) as { name: string }[])
    .map((columns) => columns.map(({ name }) => name))
    .sort()
}

function declaredUniques(table: SQLiteTable): UniqueKey[] {
  const { columns, uniqueConstraints } = getTableConfig(table)
  const single = columns.filter(({ isUnique }) => isUnique).map(({ name }) => [name])
  const several = uniqueConstraints.map((key) => key.columns.map(({ name }) => name))
  return [...single, ...several].sort()
}

const databases: [string, readonly Migration[], Record<string, SQLiteTable>][] = [
  ['blocks', blocksMigrations, blocks],
  ['book', bookMigrations, book],
]

for (const [name, migrations, schema] of databases) {
  const connection = new Sqlite(':memory:')
  migrate(connection, { name: name === 'book' ? 'book' : 'blocks', migrations })
  const tables = Object.values(schema)

  test(`${name}: the schema names the tables of the migrated file, all STRICT`, () => {
    const list = connection.pragma('table_list') as { name: string; strict: number }[]
    const ours = list.filter((table) => !table.name.startsWith('sqlite_'))
    expect(ours.map((table) => table.name).sort()).toEqual(
      tables.map((table) => getTableConfig(table).name).sort(),
    )
    expect(ours.filter(({ strict }) => strict !== 1)).toEqual([])
  })

  test.each(tables.map((table) => [getTableConfig(table).name, table] as const))(
    `${name}: %s has the declared columns, types, nullability and keys`,
    (tableName, table) => {
      expect(migrated(connection, tableName)).toEqual(declared(table))
      expect(migratedUniques(connection, tableName)).toEqual(declaredUniques(table))
    },
  )
}

test('blocks: a row says either where its file is or nothing of files', () => {
  const connection = new Sqlite(':memory:')
  migrate(connection, { name: 'blocks', migrations: blocksMigrations })
  const insert = connection.prepare(
    'INSERT INTO block (multihash, place, size, epoch, directory, segments) VALUES (?, ?, 1, 1, ?, ?)',
  )
  insert.run(Buffer.from('a'), 1, null, null)
  insert.run(Buffer.from('b'), 2, 0, Buffer.alloc(4))
  expect(() => insert.run(Buffer.from('c'), 1, 0, null)).toThrow(/CHECK/)
  expect(() => insert.run(Buffer.from('d'), 2, 0, null)).toThrow(/CHECK/)
  expect(() => insert.run(Buffer.from('e'), 3, null, null)).toThrow(/CHECK/)
  expect(connection.prepare('SELECT key, value FROM meta ORDER BY key').raw().all()).toEqual([
    ['blocks', 0],
    ['bytes', 0],
    ['epoch', 1],
    ['file_bytes', 0],
    ['unclean_directory', 0],
  ])
})
