import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { MetaKey } from './block-rows.ts'
import { type Connection, openStoringConnection, openWorkerConnection } from './connection.ts'
import { KnownIds } from './known-ids.ts'
import { type PackedBlocks, unpackParts } from './packed-blocks.ts'
import { setMeta, storeBlocks } from './store-blocks.ts'
import { storeRun } from './store-run.ts'
import { type SweepQuery, sweepQueries } from './sweep-queries.ts'

/** Frames in the -wal file, and those of them that are in the database file, too. */
export type WalState = { readonly frames: number; readonly checkpointed: number }

type File = { readonly path: string }

type AnyQuery = (connection: Connection, input: unknown) => unknown

/** The worker's connections by path, opened at the first use. */
const connections = new Map<string, Connection>()

function connectionTo(path: string): Connection {
  const known = connections.get(path)
  if (known !== undefined) return known
  const connection = openWorkerConnection(path)
  connections.set(path, connection)
  return connection
}

/**
 * Descriptors of the database files, for syncs. To close one drops SQLite's locks on the file in the whole
 * process: it stays open until no connection of ours has the file open.
 */
const descriptors = new Map<string, number>()

/** What failed here may be tried no more: the system has forgotten what it could not write. */
function syncFile(path: string): void {
  const descriptor = descriptorOf(path)
  if (descriptor === undefined) return
  try {
    fdatasyncSync(descriptor)
  } catch (cause) {
    throw new PrsmError('STORAGE_IO', `${path}: a checkpoint could not be synced`, {
      details: { file: path, unsynced: true },
      cause,
    })
  }
}

/** Where no descriptor is left, SQLite's own sync comes later, when the -wal is begun anew. */
function descriptorOf(path: string): number | undefined {
  try {
    const descriptor = descriptors.get(path) ?? openSync(path, 'r')
    descriptors.set(path, descriptor)
    return descriptor
  } catch {
    return undefined
  }
}

type CheckpointRow = { busy: number; log: number; checkpointed: number }

function checkpoint(path: string, mode: 'PASSIVE' | 'RESTART'): CheckpointRow {
  const sql = `PRAGMA wal_checkpoint(${mode})`
  const row = connectionTo(path).prepare<[], CheckpointRow>(sql).get()
  return row ?? { busy: 1, log: 0, checkpointed: 0 }
}

/** A batch of blocks, and what else its transaction notes. */
export type StoreBlocks = {
  readonly epoch: number
  readonly blocks: PackedBlocks
  readonly meta: readonly (readonly [MetaKey, number])[]
}

type StoreRequest = File & { readonly batch: StoreBlocks; readonly askedAt: number }

/** Clocks are set: never more than the limit. */
function patienceFrom(askedAt: number): number {
  const left = limits.writeLockMs - (Date.now() - askedAt)
  return Math.round(Math.max(0, Math.min(left, limits.writeLockMs)))
}

type Storing = { readonly connection: Connection; readonly ids: KnownIds }

/** What blocks are stored with, by path, opened at the first use. */
const storing = new Map<string, Storing>()

function storingIn(path: string): Storing {
  const known = storing.get(path)
  if (known !== undefined) return known
  const opened = { connection: openStoringConnection(path), ids: new KnownIds() }
  storing.set(path, opened)
  return opened
}

function store(
  { connection, ids }: Storing,
  { epoch, blocks, meta }: StoreBlocks,
  patienceMs: number,
): void {
  ids.enter(epoch)
  connection.pragma(`busy_timeout = ${patienceMs}`)
  connection.prepare('BEGIN IMMEDIATE').run()
  try {
    for (const { run, blocks: some } of unpackParts(blocks)) {
      const stored = run !== undefined && storeRun(connection, run, { epoch, ids })
      if (!stored) storeBlocks(connection, some(), { epoch, ids })
    }
    for (const [key, value] of meta) setMeta(connection, key, value)
    connection.prepare('COMMIT').run()
  } catch (error) {
    ids.forget()
    throw error
  } finally {
    if (connection.inTransaction) connection.exec('ROLLBACK')
  }
}

/**
 * What the database worker can do: add a function here, and `DatabaseWorker.request` knows it. Each
 * runs on the worker's thread with connections of its own; input and output cross by structured clone.
 */
export const operations = {
  /**
   * Copies what it can of the -wal into the file, beside readers and the writer, and syncs it. SQLite
   * does so only where nothing was written meanwhile; else it would when the -wal is begun anew, and
   * all that is written waits for that.
   */
  checkpoint({ path }: File): WalState {
    const { log, checkpointed } = checkpoint(path, 'PASSIVE')
    syncFile(path)
    return { frames: log, checkpointed }
  },

  /**
   * Copies all of the -wal and begins it anew with one frame (the first page as it is), because the
   * first write of a -wal syncs its header: that is to happen here, not on the writer's thread.
   * False when a reader was in the way. No write may run beside it. Of the file `keptBytes` stay: what is
   * written next need not allocate them.
   */
  restartWal({ path, keptBytes }: File & { readonly keptBytes: number }): boolean {
    if (checkpoint(path, 'RESTART').busy !== 0) return false
    const connection = connectionTo(path)
    connection.pragma(`journal_size_limit = ${keptBytes}`)
    const version = Number(connection.pragma('user_version', { simple: true }))
    connection.pragma(`user_version = ${version}`)
    return true
  },

  /**
   * Commits a batch of blocks. No other write may run beside it; who asked syncs it. Who has locked the file
   * is waited for, `limits.writeLockMs` from `askedAt` (as of `Date.now`) on: the batch before it may have
   * waited for the same.
   */
  storeBlocks({ path, batch, askedAt }: StoreRequest): void {
    store(storingIn(path), batch, patienceFrom(askedAt))
  },

  /** Answers a question of a collection, one of `sweepQueries`: `Database.ask` has their types, which name a driver's. */
  sweepQuery({ path, name, input }: File & { name: string; input: unknown }): unknown {
    const query = sweepQueries[name as SweepQuery] as AnyQuery
    return query(connectionTo(path), input)
  },

  /** Ends this thread's connections. Where one is the last, this checkpoints and removes the -wal. */
  closeFile({ path }: File): void {
    storing.get(path)?.connection.close()
    storing.delete(path)
    connections.get(path)?.close()
    connections.delete(path)
  },

  /** After the last connection to this file has been closed. */
  releaseFile({ path }: File): void {
    const descriptor = descriptors.get(path)
    if (descriptor !== undefined) closeSync(descriptor)
    descriptors.delete(path)
  },
} as const

export type Operations = typeof operations
export type OperationName = keyof Operations
export type Input<Name extends OperationName> = Parameters<Operations[Name]>[0]
export type Output<Name extends OperationName> = Awaited<ReturnType<Operations[Name]>>
