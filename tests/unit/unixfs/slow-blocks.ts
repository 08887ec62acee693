import { setImmediate as turn } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import type { GetOptions } from '../../../src/core/block-source.ts'
import { MemoryBlocks } from './memory-blocks.ts'

/**
 * Blocks of somebody far away: whatever is asked for at one time comes together, a round trip later.
 * How long that takes does not matter: round trips are counted.
 */
export class SlowBlocks extends MemoryBlocks {
  roundTrips = 0
  readonly #waiting: (() => void)[] = []

  protected override async fetch(cid: CID, options?: GetOptions): Promise<Uint8Array> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) this.#answerAll().catch(() => {})
    })
    return await super.fetch(cid, options)
  }

  /** Once nobody asks for more: a reader who could ask on has done so within some turns. */
  async #answerAll(): Promise<void> {
    for (let asked = 0; asked !== this.#waiting.length; await turn()) {
      asked = this.#waiting.length
      await turn()
      await turn()
    }
    this.roundTrips += 1
    for (const answer of this.#waiting.splice(0)) answer()
  }

  /** Far away nothing is known of a block that has not come. */
  override async size(cid: CID, options?: GetOptions): Promise<number> {
    return (await this.get(cid, options)).byteLength
  }
}
