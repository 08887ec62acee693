import { limits } from '../core/limits.ts'
import type { Database } from '../db/database.ts'
import { KeyBits } from '../db/key-bits.ts'
import { blockIndex } from './block-index.ts'

export type KeyFilterInit = {
  readonly db: Pick<Database, 'ask' | 'reader'>
  /** Keys of blocks that are on their way: the index may not have them yet. */
  readonly pending: () => Iterable<string>
  /** Look-ups without a row before it is made, at least. Default: `limits.keyFilterMisses`. */
  readonly misses?: number | undefined
  /** Keys there is room for at first. Default: `limits.keyFilterKeys`. */
  readonly keys?: number | undefined
}

/**
 * Tells without a look at the index that a block is not stored: most that are put are new. It is made when
 * look-ups find nothing time and again, and asked when the database's thread has filled it. It forgets no
 * key: of a block that was taken away the index is asked. Rows that links make later are not in it.
 */
export class KeyFilter implements AsyncDisposable {
  readonly #init: KeyFilterInit
  readonly #misses: number
  readonly #keys: number
  #bits: KeyBits | undefined
  /** Is being filled. */
  #next: KeyBits | undefined
  #filling: Promise<void> | undefined
  /** How often one was wanted since one was begun. */
  #wanted = 0
  /** How often it has to be before one is begun. */
  #due: number
  #closed = false

  constructor(init: KeyFilterInit) {
    const { misses = limits.keyFilterMisses, keys = limits.keyFilterKeys } = init
    this.#init = init
    this.#misses = misses
    this.#keys = keys
    this.#due = this.#dueFor(this.#stored)
  }

  /** False: no block with this key is stored or on its way. */
  mayHave(key: string): boolean {
    return this.#bits?.has(key) ?? true
  }

  /** A block is on its way to the index, as `pending` tells from now on. */
  added(key: string): void {
    // First, so that the key is in one that is begun now.
    if (this.#bits?.isOutgrown === true) this.#want()
    this.#bits?.add(key)
    this.#next?.addBeside(key)
  }

  /** A look-up found no row. */
  missed(): void {
    if (this.#bits === undefined) this.#want()
  }

  /** Ends the filling. What was filled goes on to answer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#filling
  }

  #want(): void {
    if (this.#closed || this.#next !== undefined) return
    this.#wanted += 1
    if (this.#wanted < this.#due) return
    this.#wanted = 0
    this.#filling = this.#fill()
  }

  /** Where it fails, look-ups go on, and it is tried again after as many. */
  async #fill(): Promise<void> {
    try {
      const bits = this.#make()
      this.#next = bits
      if (await this.#filled(bits)) this.#bits = bits
    } catch {
      // The look-ups meet the same fault, if it lasts, and tell it.
    } finally {
      this.#next = undefined
    }
  }

  /** All that is on its way is in it; from now on `added` sees to the rest. */
  #make(): KeyBits {
    const stored = this.#stored
    this.#due = this.#dueFor(stored)
    const bits = KeyBits.for(Math.max(this.#keys, 2 * Math.max(stored, this.#bits?.count ?? 0)))
    for (const key of this.#init.pending()) bits.add(key)
    return bits
  }

  get #stored(): number {
    return blockIndex.meta(this.#init.db.reader, 'blocks')
  }

  #dueFor(stored: number): number {
    return Math.max(this.#misses, Math.ceil(stored * limits.keyFilterMissShare))
  }

  /** False when the store was closed meanwhile. */
  async #filled({ buffer }: KeyBits): Promise<boolean> {
    for (let after: number | undefined = 0; after !== undefined; ) {
      if (this.#closed) return false
      after = (await this.#init.db.ask('fillKeys', { keys: buffer, after })).after
    }
    return true
  }
}
