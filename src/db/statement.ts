import type Sqlite from 'better-sqlite3'
import { fromSqlite } from './sqlite-errors.ts'

type Connection = Sqlite.Database

type Arguments<Params> = Params extends unknown[] ? Params : [Params]

/** One statement of SQL, prepared once on each connection it runs on. Throws `PrsmError` (see `fromSqlite`). */
export interface Statement<Params extends unknown[] | Record<string, unknown>, Row> {
  run(connection: Connection, ...params: Arguments<Params>): Sqlite.RunResult
  get(connection: Connection, ...params: Arguments<Params>): Row | undefined
  all(connection: Connection, ...params: Arguments<Params>): Row[]
}

class PreparedStatement<Params extends unknown[] | Record<string, unknown>, Row>
  implements Statement<Params, Row>
{
  readonly #sql: string
  readonly #prepared = new WeakMap<Connection, Sqlite.Statement<unknown[], Row>>()

  constructor(sql: string) {
    this.#sql = sql
  }

  run(connection: Connection, ...params: Arguments<Params>): Sqlite.RunResult {
    try {
      return this.#on(connection).run(...params)
    } catch (error) {
      throw fromSqlite(error, connection.name)
    }
  }

  get(connection: Connection, ...params: Arguments<Params>): Row | undefined {
    try {
      return this.#on(connection).get(...params)
    } catch (error) {
      throw fromSqlite(error, connection.name)
    }
  }

  all(connection: Connection, ...params: Arguments<Params>): Row[] {
    try {
      return this.#on(connection).all(...params)
    } catch (error) {
      throw fromSqlite(error, connection.name)
    }
  }

  #on(connection: Connection): Sqlite.Statement<unknown[], Row> {
    return this.#prepared.get(connection) ?? this.#prepare(connection)
  }

  #prepare(connection: Connection): Sqlite.Statement<unknown[], Row> {
    const prepared = connection.prepare<unknown[], Row>(this.#sql)
    this.#prepared.set(connection, prepared)
    return prepared
  }
}

/**
 * A statement for the hot paths: raw better-sqlite3 below, prepared at its first use on a connection.
 * `Params` are positional (a tuple) or named (a record); `Row` is what the SQL selects: nobody checks it.
 */
export function statement<Params extends unknown[] | Record<string, unknown>, Row = never>(
  sql: string,
): Statement<Params, Row> {
  return new PreparedStatement(sql)
}
