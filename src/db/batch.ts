import type Sqlite from 'better-sqlite3'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Connection } from './connection.ts'
import { fromSqlite, sqliteCode } from './sqlite-errors.ts'

/** A function that waits for its turn to write, and the promise it settles. */
export type Job = {
  readonly run: (writer: Connection) => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  value: unknown
}

/** A batch that another thread commits, in a transaction of its own. */
export type AsideJob = Omit<Job, 'run'> & { readonly runAside: () => Promise<void> }

export function isAside(job: Job | AsideJob): job is AsideJob {
  return 'runAside' in job
}

/**
 * `taken` jobs from the front are done with: the `committed` ones wait for a sync, the others were
 * rejected, and the disk was `full` for one of these.
 */
export type BatchResult = {
  readonly taken: number
  readonly committed: readonly Job[]
  readonly full: boolean
}

/** Runs jobs in one transaction, each in a savepoint, so that a job that throws undoes only itself. */
export class BatchRunner {
  readonly #writer: Connection
  readonly #begin: Sqlite.Statement
  readonly #commit: Sqlite.Statement
  readonly #savepoint: Sqlite.Statement
  readonly #release: Sqlite.Statement
  readonly #rollbackTo: Sqlite.Statement
  #full = false

  constructor(writer: Connection) {
    this.#writer = writer
    this.#begin = writer.prepare('BEGIN IMMEDIATE')
    this.#commit = writer.prepare('COMMIT')
    this.#savepoint = writer.prepare('SAVEPOINT job')
    this.#release = writer.prepare('RELEASE job')
    this.#rollbackTo = writer.prepare('ROLLBACK TO job')
  }

  /** Throws the driver's error when the transaction cannot begin; no job has run then. */
  run(waiting: readonly Job[]): BatchResult {
    this.#begin.run()
    this.#full = false
    const { taken, succeeded } = this.#runJobs(waiting)
    const committed = succeeded.length > 0 && this.#committed(succeeded) ? succeeded : []
    this.#rollback()
    return { taken, committed, full: this.#full }
  }

  /** A single job needs no savepoint: the transaction is its own. */
  #runJobs(waiting: readonly Job[]): { taken: number; succeeded: Job[] } {
    const deadline = performance.now() + limits.writeBatchMs
    const alone = waiting.length === 1
    let succeeded: Job[] = []
    let taken = 0
    for (const job of waiting) {
      taken += 1
      const failure = this.#runJob(job, alone)
      if (failure === undefined) succeeded.push(job)
      else if (!this.#writer.inTransaction) {
        this.#reject(succeeded, fromSqlite(failure.error, this.#writer.name))
        succeeded = []
      }
      if (alone || !this.#writer.inTransaction || performance.now() >= deadline) break
    }
    return { taken, succeeded }
  }

  #runJob(job: Job, alone: boolean): { error: unknown } | undefined {
    try {
      if (!alone) this.#savepoint.run()
      job.value = synchronous(job.run(this.#writer))
      if (!alone) this.#release.run()
      return undefined
    } catch (error) {
      if (!alone) this.#undo()
      this.#reject([job], error)
      return { error }
    }
  }

  /** SQLite may have rolled all back by itself (a full disk, a read error): then there is nothing to undo. */
  #undo(): void {
    if (!this.#writer.inTransaction) return
    try {
      this.#rollbackTo.run()
      this.#release.run()
    } catch {
      this.#rollback()
    }
  }

  #committed(succeeded: readonly Job[]): boolean {
    try {
      this.#commit.run()
      return true
    } catch (error) {
      this.#reject(succeeded, error)
      return false
    }
  }

  #reject(jobs: readonly Job[], error: unknown): void {
    this.#full ||= isFull(error)
    rejectAll(jobs, error, this.#writer)
  }

  /** Nothing to do after a commit, or where SQLite did it. */
  #rollback(): void {
    if (this.#writer.inTransaction) this.#writer.exec('ROLLBACK')
  }
}

type Rejected = Pick<Job, 'reject'>

/** Errors of the driver are translated; what a job throws itself arrives as it is. */
export function rejectAll(jobs: readonly Rejected[], error: unknown, writer: Connection): void {
  const reason = sqliteCode(error) === undefined ? error : fromSqlite(error, writer.name)
  for (const job of jobs) job.reject(reason)
}

export function isFull(error: unknown): boolean {
  if (isPrsmError(error)) return error.code === 'STORAGE_FULL'
  return sqliteCode(error) === 'SQLITE_FULL'
}

/** Of a thread, which waits until it gives up. */
export function isLocked(error: unknown): boolean {
  return isPrsmError(error) && error.code === 'STORE_LOCKED'
}

/** The type of `write` refuses this; `any` gets past types. */
function synchronous(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('then' in value)) return value
  Promise.resolve(value).catch(() => {})
  throw new PrsmError('INTERNAL', 'a write job returned a promise', {
    hint: 'do the waiting before or after db.write: nothing is awaited inside a transaction',
  })
}
