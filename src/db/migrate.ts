import type Sqlite from 'better-sqlite3'
import { PrsmError } from '../core/errors.ts'
import { fromSqlite } from './sqlite-errors.ts'

/** One step of a schema. Versions are 1, 2, … without gaps; a step that was released never changes. */
export type Migration = { readonly version: number; readonly name: string; readonly sql: string }

export type DatabaseName = 'blocks' | 'book'

/** SQLite's application_id of our files: 'PRSb' and 'PRSM' (SQLite file format, 1.3.17). */
const applicationIds: Readonly<Record<DatabaseName, number>> = {
  blocks: 0x5052_5362,
  book: 0x5052_534d,
}

/** Which of our databases, and the steps to its present schema. */
export type Schema = { readonly name: DatabaseName; readonly migrations: readonly Migration[] }

/**
 * Throws unless the file is empty or one of ours that this program understands: STORE_TOO_NEW for a
 * later schema, STORE_CORRUPT for a file of another program. Reads only.
 */
export function checkSchema(connection: Sqlite.Database, schema: Schema): void {
  const version = integer(connection, 'PRAGMA user_version')
  const application = integer(connection, 'PRAGMA application_id')
  const foreign = application !== applicationIds[schema.name]
  if (foreign && (version > 0 || application !== 0 || hasObjects(connection))) {
    throw new PrsmError('STORE_CORRUPT', `${connection.name} is not a ${schema.name} database`, {
      hint: 'this file is of another program: move it away, or name another data folder',
      details: { file: connection.name, applicationId: application },
    })
  }
  if (version > schema.migrations.length) throw tooNew(connection.name, version, schema)
}

/** Brings the file to the last version, each step in a transaction of its own. A failing step changes nothing. */
export function migrate(connection: Sqlite.Database, schema: Schema): void {
  const version = integer(connection, 'PRAGMA user_version')
  for (const [index, migration] of schema.migrations.entries()) {
    if (migration.version !== index + 1) throw new Error(`no migration ${index + 1}`)
    if (migration.version > version) apply(connection, schema.name, migration)
  }
}

function apply(connection: Sqlite.Database, name: DatabaseName, migration: Migration): void {
  const step = connection.transaction(() => {
    connection.exec(migration.sql)
    connection.pragma(`application_id = ${applicationIds[name]}`)
    connection.pragma(`user_version = ${migration.version}`)
  })
  try {
    step.immediate()
  } catch (error) {
    const { code, message, hint, details } = fromSqlite(error, connection.name)
    const text = `migration ${migration.version} (${migration.name}) failed: ${message}`
    throw new PrsmError(code, text, { ...(hint && { hint }), details, cause: error })
  }
}

function tooNew(file: string, version: number, { migrations }: Schema): PrsmError {
  const ours = migrations.length
  return new PrsmError(
    'STORE_TOO_NEW',
    `${file} has schema version ${version}, this prsm knows ${ours}`,
    { hint: 'run the newer prsm that wrote it', details: { file, version, ours } },
  )
}

function integer(connection: Sqlite.Database, sql: string): number {
  return Number(connection.prepare(sql).pluck().get())
}

function hasObjects(connection: Sqlite.Database): boolean {
  return connection.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined
}
