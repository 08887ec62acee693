import type { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'
import { ABSENT } from '../db/block-rows.ts'
import type { Database } from '../db/database.ts'
import { blockIndex, recordDamage } from './block-index.ts'

/** Which blocks are known to be damaged, so that the next put writes them anew. */
export class Damage {
  readonly #db: Database
  /** Rows that a read found damaged and whose mark is not in the index yet. */
  readonly #suspects = new Set<number>()

  constructor(db: Database) {
    this.#db = db
  }

  has(row: number): boolean {
    return this.#suspects.has(row) || blockIndex.isDamaged(this.#db.reader, row)
  }

  /** The block is being written anew; its commit takes the mark away. */
  mend(row: number): void {
    this.#suspects.delete(row)
  }

  /** Remembers it, and gives the error to throw: what is damaged is never given out. */
  found(cid: CID, what: string, cause?: unknown): PrsmError {
    const row = blockIndex.find(this.#db.reader, cid.multihash.bytes)
    if (row !== undefined && row.place !== ABSENT) this.#mark(row.id)
    return new PrsmError('BLOCK_CORRUPT', `block ${cid} is damaged: ${what}`, {
      cause,
      hint: 'store the content again (`prsm add`): the block is then written anew',
      details: { cid: cid.toString() },
    })
  }

  #mark(row: number): void {
    this.#suspects.add(row)
    this.#db
      .write((writer) => recordDamage(writer, row))
      .then(() => this.#suspects.delete(row))
      .catch(() => {})
  }
}
