import { isPrsmError, PrsmError, systemCode, toPrsmError } from '../core/errors.ts'

/** SQLite's code (`SQLITE_FULL`, …) of an error of the driver, or of the error it caused (drizzle wraps them). */
export function sqliteCode(error: unknown): string | undefined {
  const code = systemCode(error)
  if (code?.startsWith('SQLITE_') === true) return code
  if (!(error instanceof Error) || error.cause === undefined) return undefined
  return sqliteCode(error.cause)
}

/** What an error of the driver means to a user; others of ours pass as they are. `file` is named in the message. */
export function fromSqlite(error: unknown, file = 'the database'): PrsmError {
  if (isPrsmError(error)) return error
  const sqlite = sqliteCode(error)
  if (sqlite === undefined) return toPrsmError(error)
  const { code, text, hint } = meaning(sqlite)
  return new PrsmError(code, `${file}: ${text} (${sqlite})`, {
    hint,
    details: { file, sqlite },
    cause: error,
  })
}

type Meaning = Readonly<{
  code: 'STORAGE_FULL' | 'STORAGE_IO' | 'STORE_CORRUPT' | 'STORE_LOCKED' | 'INTERNAL'
  text: string
  hint: string
}>

/** By the primary code: extended codes begin with it (`SQLITE_IOERR_FSYNC`). */
function meaning(sqlite: string): Meaning {
  // The file beside the -wal could not be made larger, which SQLite counts as a read or write error.
  if (sqlite === 'SQLITE_IOERR_SHMSIZE') return full
  const [, primary = ''] = sqlite.split('_')
  return meanings[primary] ?? INTERNAL
}

const INTERNAL: Meaning = {
  code: 'INTERNAL',
  text: 'SQLite refused the operation',
  hint: 'this is a fault of ours: please report it with the log of the node',
}

const unusable: Meaning = {
  code: 'STORAGE_IO',
  text: 'the file cannot be read or written',
  hint: 'look at the disk and at the permissions of the data folder, then start the node again',
}

const corrupt: Meaning = {
  code: 'STORE_CORRUPT',
  text: 'the database file is damaged',
  hint: 'stop the node, keep a copy of the data folder as it is, then restore from a backup',
}

const locked: Meaning = {
  code: 'STORE_LOCKED',
  text: 'another program has the database locked',
  hint: 'end the program that has it open',
}

const full: Meaning = {
  code: 'STORAGE_FULL',
  text: 'the disk is full',
  hint: 'free some space on the disk of the data folder',
}

const meanings: Readonly<Record<string, Meaning>> = {
  FULL: full,
  IOERR: unusable,
  CANTOPEN: unusable,
  READONLY: unusable,
  CORRUPT: corrupt,
  NOTADB: corrupt,
  BUSY: locked,
  LOCKED: locked,
}
