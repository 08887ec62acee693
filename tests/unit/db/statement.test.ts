import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { statement } from '../../../src/db/statement.ts'
import { codeOf } from '../../support/database.ts'

const insert = statement<[number, string]>('INSERT INTO item (id, name) VALUES (?, ?)')
const byName = statement<{ name: string }, { id: number }>('SELECT id FROM item WHERE name = @name')
const list = statement<[], { id: number; name: string }>('SELECT id, name FROM item ORDER BY id')

function open(): Sqlite.Database {
  const connection = new Sqlite(':memory:')
  connection.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT')
  return connection
}

test('runs with positional and named parameters', () => {
  const connection = open()
  expect(insert.run(connection, 1, 'a').changes).toBe(1)
  insert.run(connection, 2, 'b')
  expect(byName.get(connection, { name: 'b' })).toEqual({ id: 2 })
  expect(byName.get(connection, { name: 'c' })).toBeUndefined()
  expect(list.all(connection)).toEqual([
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ])
})

test('is prepared once on each connection', () => {
  const [one, two] = [open(), open()]
  const prepared: string[] = []
  for (const connection of [one, two]) {
    const prepare = connection.prepare.bind(connection)
    connection.prepare = ((sql: string) => {
      prepared.push(sql)
      return prepare(sql)
    }) as typeof connection.prepare
  }
  for (const id of [1, 2, 3]) {
    insert.run(one, id, `n${id}`)
    insert.run(two, id, `n${id}`)
  }
  expect(prepared).toHaveLength(2)
})

test('errors of the driver are ours, also those of preparing', async () => {
  const connection = open()
  insert.run(connection, 1, 'a')
  expect(await codeOf(Promise.resolve().then(() => insert.run(connection, 2, 'a')))).toBe(
    'INTERNAL',
  )
  const broken = statement<[]>('SELECT nothing FROM nowhere')
  expect(await codeOf(Promise.resolve().then(() => broken.get(connection)))).toBe('INTERNAL')
})
