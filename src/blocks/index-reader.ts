import { ABSENT, type BlockRow, FILE } from '../db/block-rows.ts'
import type { Connection } from '../db/database.ts'
import { statement } from '../db/statement.ts'
import { blockIndex } from './block-index.ts'
import type { FilePlace } from './open-files.ts'

/** Where a block is, and what it is when it is in the database. */
export type Located =
  | { readonly id: number; readonly size: number; readonly bytes: Uint8Array | null }
  | { readonly id: number; readonly size: number; readonly place: FilePlace }

type Row = {
  readonly id: number
  readonly place: number
  readonly size: number
  readonly directory: number | null
  readonly segments: Uint8Array | null
  readonly bytes: Uint8Array | null
}

/** One statement for both places: each has its own read transaction. A join takes three times as long. */
const locate = statement<[Uint8Array], Row>(
  `SELECT id, place, size, directory, segments,
     (SELECT bytes FROM inline WHERE inline.id = block.id) AS bytes
   FROM block WHERE multihash = ?`,
)
const findSize = statement<[Uint8Array], { place: number; size: number }>(
  'SELECT place, size FROM block WHERE multihash = ?',
)
const begin = statement<[], never>('BEGIN')
const end = statement<[], never>('COMMIT')

const soon = Promise.resolve()

/**
 * Look-ups of readers. To begin and end a read transaction takes longer than a look-up in it (three
 * system calls), so look-ups that follow each other without a turn of the event loop share one. It
 * ends with the microtasks that run: what was acknowledged by then is seen, since an acknowledgement
 * waits for a sync, which is a turn of the loop.
 */
export class IndexReader {
  readonly #db: Connection
  /** A database in memory has one connection: a transaction of the reader would be in the writer's way. */
  readonly #shares: boolean
  #looked = false
  #begun = false

  constructor(db: Connection) {
    this.#db = db
    this.#shares = !db.memory
  }

  /** Undefined when the block is not stored. */
  find(multihash: Uint8Array): Located | undefined {
    if (this.#shares) this.#enter()
    const row = locate.get(this.#db, multihash)
    if (row === undefined || row.place === ABSENT) return undefined
    const { id, size, place, directory, segments, bytes } = row
    if (place !== FILE || directory === null || segments === null) return { id, size, bytes }
    return { id, size, place: { size, directory, segments } }
  }

  /** The row of a block, also of one that is only named. */
  row(multihash: Uint8Array): BlockRow | undefined {
    if (this.#shares) this.#enter()
    return blockIndex.find(this.#db, multihash)
  }

  /** Bytes of a stored block, else undefined. */
  size(multihash: Uint8Array): number | undefined {
    if (this.#shares) this.#enter()
    const row = findSize.get(this.#db, multihash)
    return row === undefined || row.place === ABSENT ? undefined : row.size
  }

  /** The first look-up of all has its own transaction: often it stays the only one. */
  #enter(): void {
    if (!this.#looked) {
      this.#looked = true
      void soon.then(this.#leave)
    } else if (!this.#begun) {
      begin.run(this.#db)
      this.#begun = true
    }
  }

  readonly #leave = (): void => {
    this.#looked = false
    if (!this.#begun) return
    try {
      // A database that has been closed meanwhile has no transaction any more.
      if (this.#db.open) end.run(this.#db)
      this.#begun = false
    } catch {
      // The next look-up leaves again.
    }
  }
}
