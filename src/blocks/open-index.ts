import { type Database, type DatabaseInit, openDatabase } from '../db/database.ts'
import { blocksMigrations } from '../db/migrations/blocks.ts'

/** Bytes of a page of `blocks.db`, which holds blobs of up to 64 KiB. Fixed when the file is made. */
const PAGE_BYTES = 8192

export type BlockIndexInit = Omit<DatabaseInit, 'name' | 'migrations' | 'pageBytes' | 'foreignKeys'>

/** Opens `blocks.db`. Throws as `openDatabase` does. */
export function openBlockIndex(init: BlockIndexInit): Promise<Database> {
  return openDatabase({
    ...init,
    name: 'blocks',
    migrations: blocksMigrations,
    pageBytes: PAGE_BYTES,
    // Three look-ups for each row that goes and one for each that comes: a third of what these cost.
    foreignKeys: false,
  })
}
