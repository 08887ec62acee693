import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { PrsmError } from '../core/errors.ts'
import { fromSqlite, sqliteCode } from './sqlite-errors.ts'
import { fromFileSystem } from './system-errors.ts'

/** Who holds a data folder, as `holder.json` tells: for messages only, the lock itself is the kernel's. */
export type Holder = Readonly<{ pid: number; program: string; startedAt: string; api?: string }>

/** A data folder held against every other node, of this process and of others. */
export interface FolderLock extends Disposable {
  /** Adds to `holder.json` where the node listens. */
  tellApi(api: string): void
  release(): void
}

/**
 * Holds `dataDir` by an open transaction on its `lock.db`, which the kernel ends with the process,
 * however that dies. Throws STORE_LOCKED with who has it, STORAGE_IO, STORAGE_FULL (only where not even
 * an empty file can be made).
 */
export function lockFolder(dataDir: string, program: string): FolderLock {
  const connection = hold(dataDir)
  const holder: Holder = { pid: process.pid, program, startedAt: new Date().toISOString() }
  const file = join(dataDir, 'holder.json')
  try {
    writeHolder(file, holder)
  } catch (error) {
    connection.close()
    throw error
  }
  return new HeldFolder(connection, file, holder)
}

/** Locks in force: one that is garbage would be closed with its connection, and let the next node in. */
const inForce = new Set<HeldFolder>()

class HeldFolder implements FolderLock {
  readonly #connection: Sqlite.Database
  readonly #file: string
  readonly #holder: Holder

  constructor(connection: Sqlite.Database, file: string, holder: Holder) {
    this.#connection = connection
    this.#file = file
    this.#holder = holder
    inForce.add(this)
  }

  tellApi(api: string): void {
    writeHolder(this.#file, { ...this.#holder, api })
  }

  release(): void {
    if (!this.#connection.open) return
    rmSync(this.#file, { force: true })
    this.#connection.close()
    inForce.delete(this)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

function hold(dataDir: string): Sqlite.Database {
  const path = join(dataDir, 'lock.db')
  let connection: Sqlite.Database | undefined
  try {
    statSync(dataDir)
    connection = new Sqlite(path, { timeout: 0 })
    // A file for the journal would need room: a full disk must not keep a node from reading.
    connection.pragma('journal_mode = MEMORY')
    connection.exec('BEGIN EXCLUSIVE')
    return connection
  } catch (error) {
    connection?.close()
    if (sqliteCode(error)?.startsWith('SQLITE_BUSY') === true) throw locked(dataDir)
    throw sqliteCode(error) === undefined ? fromFileSystem(error, path) : fromSqlite(error, path)
  }
}

function locked(dataDir: string): PrsmError {
  const holder = readHolder(join(dataDir, 'holder.json'))
  const who = holder === undefined ? 'another program' : describe(holder)
  return new PrsmError('STORE_LOCKED', `${dataDir} is in use by ${who}`, {
    hint: 'use that node, stop it, or name another folder with PRSM_DATA_DIR',
    details: { dataDir, ...(holder !== undefined && { holder }) },
  })
}

function describe({ program, pid, startedAt, api }: Holder): string {
  const where = api === undefined ? '' : ` at ${api}`
  return `${program} (process ${pid}${where}, since ${startedAt})`
}

/**
 * The old content or the new, never half of it: somebody may be reading. On a full disk none: nobody
 * is told of a holder that died.
 */
function writeHolder(file: string, holder: Holder): void {
  const temporary = `${file}.tmp`
  try {
    writeFileSync(temporary, `${JSON.stringify(holder)}\n`, { mode: 0o600 })
    renameSync(temporary, file)
  } catch (cause) {
    rmSync(temporary, { force: true })
    const error = fromFileSystem(cause, file)
    if (error.code !== 'STORAGE_FULL') throw error
    rmSync(file, { force: true })
  }
}

/** Undefined for whatever is not a holder: the file may be of a node that died, or half gone. */
function readHolder(file: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isHolder(holder) ? holder : undefined
  } catch {
    return undefined
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false
  const { pid, program, startedAt, api } = value as Partial<Record<keyof Holder, unknown>>
  const texts = typeof program === 'string' && typeof startedAt === 'string'
  return texts && typeof pid === 'number' && (api === undefined || typeof api === 'string')
}
