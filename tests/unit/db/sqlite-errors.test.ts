import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { PrsmError } from '../../../src/core/errors.ts'
import { fromSqlite } from '../../../src/db/sqlite-errors.ts'
import { fromFileSystem } from '../../../src/db/system-errors.ts'

const { SqliteError } = Sqlite

test.each([
  ['SQLITE_FULL', 'STORAGE_FULL'],
  ['SQLITE_IOERR_SHMSIZE', 'STORAGE_FULL'],
  ['SQLITE_IOERR', 'STORAGE_IO'],
  ['SQLITE_IOERR_FSYNC', 'STORAGE_IO'],
  ['SQLITE_CANTOPEN', 'STORAGE_IO'],
  ['SQLITE_READONLY_DBMOVED', 'STORAGE_IO'],
  ['SQLITE_CORRUPT', 'STORE_CORRUPT'],
  ['SQLITE_CORRUPT_INDEX', 'STORE_CORRUPT'],
  ['SQLITE_NOTADB', 'STORE_CORRUPT'],
  ['SQLITE_BUSY', 'STORE_LOCKED'],
  ['SQLITE_BUSY_SNAPSHOT', 'STORE_LOCKED'],
  ['SQLITE_LOCKED', 'STORE_LOCKED'],
  ['SQLITE_CONSTRAINT_UNIQUE', 'INTERNAL'],
  ['SQLITE_ERROR', 'INTERNAL'],
])('%s is %s, names the file and says what to do', (sqlite, code) => {
  const cause = new SqliteError('what SQLite says', sqlite)
  const error = fromSqlite(cause, '/data/blocks.db')
  expect(error).toMatchObject({ code, cause, details: { file: '/data/blocks.db', sqlite } })
  expect(error.message).toContain('/data/blocks.db')
  expect(error.hint).toBeTruthy()
})

test('an error that another one wraps is found, ours passes, any other is INTERNAL', () => {
  const wrapped = new Error('Failed query', { cause: new SqliteError('full', 'SQLITE_FULL') })
  expect(fromSqlite(wrapped).code).toBe('STORAGE_FULL')
  const ours = new PrsmError('NODE_CLOSED', 'closed')
  expect(fromSqlite(ours)).toBe(ours)
  expect(fromSqlite(new TypeError('x')).code).toBe('INTERNAL')
})

test.each([
  ['ENOSPC', 'STORAGE_FULL'],
  ['EDQUOT', 'STORAGE_FULL'],
  ['EIO', 'STORAGE_IO'],
  ['EACCES', 'STORAGE_IO'],
])('%s of the file system is %s', (system, code) => {
  const cause = Object.assign(new Error(system), { code: system })
  expect(fromFileSystem(cause, '/data/x')).toMatchObject({
    code,
    cause,
    details: { file: '/data/x', system },
  })
})
