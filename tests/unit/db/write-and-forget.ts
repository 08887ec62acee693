import { join } from 'node:path'
import { openDatabase } from '../../../src/db/database.ts'
import { startDatabaseWorker } from '../../../src/db/worker.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { itemMigrations } from '../../support/database.ts'

/** Asks for a checkpoint, waits for nothing and closes nothing: the process must end by itself. */
const database = await openDatabase({
  path: join(String(process.argv[2]), 'test.db'),
  name: 'book',
  migrations: itemMigrations,
  pageBytes: 4096,
  files: createFilePort(),
  worker: startDatabaseWorker(),
})
await database.write((writer) => writer.exec("INSERT INTO item (name) VALUES ('x')"))
void database.checkpoint().then(() => process.stdout.write('checkpointed\n'))
