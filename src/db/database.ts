import { statSync } from 'node:fs'
import { type PrsmError, systemCode, toPrsmError } from '../core/errors.ts'
import type { FilePort } from '../core/file-port.ts'
import { limits } from '../core/limits.ts'
import { type Connection, openMemory } from './connection.ts'
import { closeDatabaseFile, type DatabaseFile, openDatabaseFile } from './database-file.ts'
import { migrate, type Schema } from './migrate.ts'
import { fromSqlite } from './sqlite-errors.ts'
import {
  type SweepInput,
  type SweepOutput,
  type SweepQuery,
  sweepQueries,
} from './sweep-queries.ts'
import { fromFileSystem } from './system-errors.ts'
import type { DatabaseWorker } from './worker.ts'
import type { StoreBlocks } from './worker-operations.ts'
import { WriteQueue } from './write-queue.ts'

export type { Connection }

/** `name` and `migrations` say which of our databases it is. */
export type DatabaseInit = Schema & {
  /** Null: in memory. Then `files` and `worker` are not used. */
  readonly path: string | null
  /** Of a new file; a file that is there keeps its own. */
  readonly pageBytes: number
  /** Default true: a write that would leave a reference without its row fails. */
  readonly foreignKeys?: boolean
  readonly files: FilePort
  /** Needed for a file. */
  readonly worker: DatabaseWorker | null
  /** A sync failed: every write is refused from then on, reads go on. */
  readonly onFailure?: (error: PrsmError) => void
  /** A checkpoint failed: the -wal grows, and it is tried again. */
  readonly onWarning?: (error: PrsmError) => void
}

/** What a write job may return: nothing that has to be awaited. */
export type NotPromise<T> = T extends PromiseLike<unknown> ? never : T

/** One SQLite database: a queue that writes, a connection that reads. */
export interface Database extends AsyncDisposable {
  /**
   * Runs `job` in a transaction, soon, and resolves when what it wrote is durable. A job that throws
   * undoes itself and rejects with its own error. Rejects with STORAGE_FULL, STORAGE_IO,
   * STORE_CORRUPT, STORE_LOCKED, NODE_CLOSED.
   */
  write<T>(job: (writer: Connection) => NotPromise<T>): Promise<T>
  /**
   * True when `storeAside` has its thread; else that is started, where there is one and `start` says so: until
   * it runs, and in memory, blocks are stored by `write`.
   */
  canStoreAside(options: { readonly start: boolean }): boolean
  /**
   * Stores blocks in a transaction of their own that another thread runs, while nothing but others of the
   * kind is written, each after the other. `batch` is called when their turn has come, the thread may have one
   * before it; `onCommitted` in the order of the turns, and before any job of `write` runs. Resolves and
   * rejects as `write` does.
   */
  storeAside(batch: () => StoreBlocks, onCommitted: () => void): Promise<void>
  /** What ended writing: a sync failed, and what is read may not be durable. */
  readonly failure: PrsmError | undefined
  /** Read-only (in memory: the one connection). Sees what is committed; no cursor across an await. */
  readonly reader: Connection
  /** Answers a question of a collection, on the worker's thread where there is one. */
  ask<Name extends SweepQuery>(name: Name, input: SweepInput<Name>): Promise<SweepOutput<Name>>
  /** Gives free pages back to the disk, those that can be given, some milliseconds at a time. Rejects as `write` does. */
  vacuum(): Promise<void>
  /** Brings all of the -wal into the file. Rejects with STORE_LOCKED when a reader holds it up. */
  checkpoint(): Promise<void>
  /** Bytes the database takes on the disk with its -wal, or will when that is in it; 0 in memory. */
  diskBytes(): number
  /** Bytes of the database's pages. */
  fileBytes(): number
  /** Bytes in the -wal, those that are in the file by now included. */
  walBytes(): number
  /** Ends what was begun, then closes. Later writes reject with NODE_CLOSED. */
  close(): Promise<void>
}

/**
 * Opens or makes a database and brings it to the last migration. Throws STORE_TOO_NEW and, for a
 * foreign or damaged file, STORE_CORRUPT, leaving the file as it is; STORE_LOCKED, STORAGE_FULL,
 * STORAGE_IO.
 */
export async function openDatabase(init: DatabaseInit): Promise<Database> {
  const { path, worker, onFailure = ignore, onWarning = ignore } = init
  if (path === null) return openInMemory(init)
  if (worker === null) throw new Error('a database file needs a worker')
  try {
    const file = await openDatabaseFile({ ...init, path, worker, onFailure, onWarning })
    return new OpenDatabase(file.reader, file.queue, file)
  } catch (error) {
    throw systemCode(error)?.startsWith('E') === true
      ? fromFileSystem(error, path)
      : fromSqlite(error, path)
  }
}

function openInMemory(init: DatabaseInit): Database {
  const { pageBytes, foreignKeys = true } = init
  const connection = openMemory({ pageBytes, foreignKeys })
  migrate(connection, init)
  const queue = new WriteQueue({ writer: connection, sync: null, onFailure: ignore })
  return new OpenDatabase(connection, queue, null)
}

function ignore(): void {}

class OpenDatabase implements Database {
  readonly reader: Connection
  readonly #queue: WriteQueue
  readonly #file: DatabaseFile | null
  #closing: Promise<void> | undefined

  constructor(reader: Connection, queue: WriteQueue, file: DatabaseFile | null) {
    this.reader = reader
    this.#queue = queue
    this.#file = file
  }

  get failure(): PrsmError | undefined {
    return this.#queue.failure
  }

  write<T>(job: (writer: Connection) => NotPromise<T>): Promise<T> {
    return this.#queue.add<T>(job as (writer: Connection) => T)
  }

  canStoreAside({ start }: { readonly start: boolean }): boolean {
    return this.#file?.init.worker.readyToStore(start) ?? false
  }

  storeAside(batch: () => StoreBlocks, onCommitted: () => void): Promise<void> {
    const file = this.#file
    if (file === null) throw new Error('a database in memory has no thread')
    return this.#queue.addAside(async () => {
      file.checkpointer.touch()
      const { worker, path } = file.init
      await worker.request('storeBlocks', { path, batch: batch(), askedAt: Date.now() })
      onCommitted()
    })
  }

  async ask<Name extends SweepQuery>(
    name: Name,
    input: SweepInput<Name>,
  ): Promise<SweepOutput<Name>> {
    if (this.#file !== null) {
      const { worker, path } = this.#file.init
      this.#file.checkpointer.touch()
      return (await worker.request('sweepQuery', { path, name, input })) as SweepOutput<Name>
    }
    const query = sweepQueries[name] as (
      connection: Connection,
      input: SweepInput<Name>,
    ) => SweepOutput<Name>
    return query(this.reader, input)
  }

  async vacuum(): Promise<void> {
    for (let pages = VACUUM_PAGES; pages > 0; ) pages = await this.write(giveBack(pages))
    // The file is cut when the -wal is in it; the next checkpoint does it, too.
    await this.checkpoint().catch((error: unknown) =>
      this.#file?.init.onWarning(toPrsmError(error)),
    )
  }

  async checkpoint(): Promise<void> {
    if (this.#queue.refusal !== undefined) throw this.#queue.refusal
    await this.#file?.checkpointer.run()
  }

  readonly diskBytes = (): number => {
    if (this.#file === null) return 0
    const { path } = this.#file.init
    return Math.max(this.fileBytes(), sizeOf(path)) + sizeOf(`${path}-wal`)
  }

  fileBytes(): number {
    return pragma(this.reader, 'page_count') * pragma(this.reader, 'page_size')
  }

  walBytes(): number {
    return this.#file?.wal.bytes() ?? 0
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    await this.#queue.close()
    if (this.#file === null) this.reader.close()
    else await closeDatabaseFile(this.#file)
  }
}

/** A look at the file system takes some microseconds, less than asking another thread to do it. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Pages given back in the first transaction; the next ones take as many as their time allows. */
const VACUUM_PAGES = 64

/** Gives back so many free pages, and tells how many the next transaction is to take: none, when none is left. */
function giveBack(pages: number): (writer: Connection) => number {
  return (writer) => {
    const startedAt = performance.now()
    const before = pragma(writer, 'freelist_count')
    writer.pragma(`incremental_vacuum(${pages})`)
    const left = pragma(writer, 'freelist_count')
    if (left === 0 || left >= before) return 0
    const ms = Math.max(performance.now() - startedAt, 0.1)
    return Math.max(1, Math.min(4 * pages, Math.floor((pages * limits.writeBatchMs) / ms / 2)))
  }
}

function pragma(connection: Connection, name: string): number {
  return Number(connection.pragma(name, { simple: true }))
}
