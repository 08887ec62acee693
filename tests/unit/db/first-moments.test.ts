import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { addItem, openTestDatabase, temporaryFolder } from '../../support/database.ts'

test('a journal that a power cut brought back beside a -wal is rolled back', async () => {
  await using folder = await temporaryFolder()
  const made = join(folder.path, 'made.db')
  using connection = Object.assign(new Sqlite(made), {
    [Symbol.dispose]: () => void connection.close(),
  })
  connection.pragma('cache_size = 1')
  connection.exec('CREATE TABLE gone (bytes BLOB); DROP TABLE gone')
  // More than its cache holds: part of it is written, and the journal says how it was.
  connection.exec('BEGIN; CREATE TABLE half (bytes BLOB)')
  const insert = connection.prepare('INSERT INTO half VALUES (randomblob(4000))')
  for (let row = 0; row < 100; row += 1) insert.run()
  const path = join(folder.path, 'test.db')
  await copyFile(made, path)
  await copyFile(`${made}-journal`, `${path}-journal`)
  await writeFile(`${path}-wal`, new Uint8Array(32))
  await using opened = await openTestDatabase({ folder: folder.path })
  await addItem(opened.database, 'first')
  expect(opened.names()).toEqual(['first'])
  const tables = opened.database.reader.prepare('SELECT name FROM sqlite_schema').pluck().all()
  expect(tables).not.toContain('half')
})
