import Sqlite from 'better-sqlite3'

/** Sees the points of the commit path of a database: `begin`, `committed`, `pragma …`. */
export type OnDriverPoint = (point: string, database: string) => void

/** What the write queue runs at both ends of a batch (`db/batch.ts`). */
const BATCH_BEGIN = 'BEGIN IMMEDIATE'
const BATCH_END = 'COMMIT'

/**
 * Makes the driver of this thread tell of what it is about to do, so that nothing in src/db has to. The
 * runs see to it that points come: a changed statement there cannot switch them off unnoticed.
 */
export function tellDriverPoints(tell: OnDriverPoint): void {
  const { prototype } = Sqlite
  const { prepare, pragma } = prototype
  prototype.prepare = function (this: Sqlite.Database, sql: string) {
    const statement = prepare.call(this, sql)
    if (sql !== BATCH_BEGIN && sql !== BATCH_END) return statement
    const run = statement.run.bind(statement) as () => Sqlite.RunResult
    statement.run = () => {
      if (sql === BATCH_BEGIN) tell('begin', this.name)
      const result = run()
      if (sql === BATCH_END) tell('committed', this.name)
      return result
    }
    return statement
  } as typeof prepare
  prototype.pragma = function (this: Sqlite.Database, source, options) {
    tell(`pragma ${source}`, this.name)
    const result = pragma.call(this, source, options)
    tell(`after ${source}`, this.name)
    return result
  } as typeof pragma
}
