import { type Connection, openWorkerConnection } from './connection.ts'
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

type CheckpointRow = { busy: number; log: number; checkpointed: number }

function checkpoint(path: string, mode: 'PASSIVE' | 'RESTART'): CheckpointRow {
  const sql = `PRAGMA wal_checkpoint(${mode})`
  const row = connectionTo(path).prepare<[], CheckpointRow>(sql).get()
  return row ?? { busy: 1, log: 0, checkpointed: 0 }
}

/**
 * What the database worker can do: add a function here, and `DatabaseWorker.request` knows it. Each
 * runs on the worker's thread with connections of its own; input and output cross by structured clone.
 */
export const operations = {
  /** Copies what it can of the -wal into the file, beside readers and the writer. */
  checkpoint({ path }: File): WalState {
    const { log, checkpointed } = checkpoint(path, 'PASSIVE')
    return { frames: log, checkpointed }
  },

  /**
   * Copies all of the -wal and begins it anew with one frame (the first page as it is), because the
   * first write of a -wal syncs its header: that is to happen here, not on the writer's thread.
   * False when a reader was in the way. No write may run beside it.
   */
  restartWal({ path }: File): boolean {
    if (checkpoint(path, 'RESTART').busy !== 0) return false
    const connection = connectionTo(path)
    const version = Number(connection.pragma('user_version', { simple: true }))
    connection.pragma(`user_version = ${version}`)
    return true
  },

  /** Answers a question of a collection, one of `sweepQueries`: `Database.ask` has their types, which name a driver's. */
  sweepQuery({ path, name, input }: File & { name: string; input: unknown }): unknown {
    const query = sweepQueries[name as SweepQuery] as AnyQuery
    return query(connectionTo(path), input)
  },

  /** Ends the worker's connection. Where it is the last one, this checkpoints and removes the -wal. */
  closeFile({ path }: File): void {
    connections.get(path)?.close()
    connections.delete(path)
  },
} as const

export type Operations = typeof operations
export type OperationName = keyof Operations
export type Input<Name extends OperationName> = Parameters<Operations[Name]>[0]
export type Output<Name extends OperationName> = Awaited<ReturnType<Operations[Name]>>
