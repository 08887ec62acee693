import Sqlite from 'better-sqlite3'
import { limits } from '../core/limits.ts'

/** A connection of the driver: synchronous, and only for the thread that opened it. */
export type Connection = Sqlite.Database

/** KiB of page cache. The system's cache holds the rest; an idle node must stay small. */
const WRITER_CACHE_KIB = 8 * 1024
const READER_CACHE_KIB = 8 * 1024
const WORKER_CACHE_KIB = 1024

/** Milliseconds the worker waits for a reader that is in its way. It has a thread to itself; the node has not. */
const WORKER_TIMEOUT_MS = 50

export type WriterInit = {
  readonly pageBytes: number
  /** Whether each write looks up the rows that refer to it, and that it refers to. */
  readonly foreignKeys: boolean
}

/** The one connection that writes: on the main thread, so it never syncs and never waits for a lock. */
export function openWriter(path: string, { pageBytes, foreignKeys }: WriterInit): Connection {
  const connection = new Sqlite(path, { timeout: 0 })
  try {
    prepareFile(connection, pageBytes)
    connection.pragma('journal_mode = WAL')
    configure(connection, WRITER_CACHE_KIB)
    connection.pragma(`foreign_keys = ${foreignKeys ? 'ON' : 'OFF'}`)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/** A connection to look at a file before it is used. One that only reads leaves a -wal as it is when it closes. */
export function openToLook(path: string, readonly: boolean): Connection {
  return new Sqlite(path, { readonly, fileMustExist: true, timeout: 0 })
}

/** A connection that only reads. The first read makes it hold the file, as closing after a failed sync needs. */
export function openReader(path: string): Connection {
  const connection = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 0 })
  configure(connection, READER_CACHE_KIB)
  connection.pragma('user_version')
  return connection
}

/** The worker's own: it checkpoints, with the syncs that belong to that. */
export function openWorkerConnection(path: string): Connection {
  const connection = new Sqlite(path, { fileMustExist: true, timeout: WORKER_TIMEOUT_MS })
  configure(connection, WORKER_CACHE_KIB)
  return connection
}

/** The storing thread's own: it writes blocks while nobody else writes, and may wait for who locked the file. */
export function openStoringConnection(path: string): Connection {
  const connection = new Sqlite(path, { fileMustExist: true, timeout: limits.writeLockMs })
  try {
    configure(connection, WRITER_CACHE_KIB)
    connection.pragma('foreign_keys = OFF')
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/** A database in memory: one connection that reads and writes. */
export function openMemory({ pageBytes, foreignKeys }: WriterInit): Connection {
  const connection = new Sqlite(':memory:')
  prepareFile(connection, pageBytes)
  configure(connection, WRITER_CACHE_KIB)
  connection.pragma(`foreign_keys = ${foreignKeys ? 'ON' : 'OFF'}`)
  return connection
}

/** Both take effect only before the first table; on a file that is there the second would be a write. */
function prepareFile(connection: Connection, pageBytes: number): void {
  if (connection.pragma('page_count', { simple: true }) !== 0) return
  connection.pragma(`page_size = ${pageBytes}`)
  connection.pragma('auto_vacuum = INCREMENTAL')
}

/** `temp_store`: the undo of savepoints goes to memory, not to a file in a folder that is not ours. */
function configure(connection: Connection, cacheKib: number): void {
  connection.pragma('synchronous = NORMAL')
  connection.pragma('wal_autocheckpoint = 0')
  connection.pragma('mmap_size = 0')
  connection.pragma('temp_store = MEMORY')
  connection.pragma('trusted_schema = OFF')
  connection.pragma(`cache_size = -${cacheKib}`)
}
