import type { CID } from 'multiformats/cid'

/** Keeps a DAG, as far as it is stored, from collections that run or begin while it is not disposed. */
export interface Hold extends Disposable {
  /** Resolves when no collection that runs can take any of it any more. */
  settled(): Promise<void>
}

/** What has to hear of holds taken while it runs. */
export type HoldListener = {
  joined(cid: CID): void
  caughtUp(): Promise<void>
}

/** The DAGs that readers and pins in the making keep, besides the roots in the book. */
export class Holds {
  readonly #held = new Set<{ readonly cid: CID }>()
  #listener: HoldListener | undefined

  hold(cid: CID): Hold {
    const entry = { cid }
    this.#held.add(entry)
    this.#listener?.joined(cid)
    return {
      settled: async () => this.#listener?.caughtUp(),
      [Symbol.dispose]: () => {
        this.#held.delete(entry)
      },
    }
  }

  /** Tells `listener` of all that are held, and of each that is taken until it is let go. */
  listen(listener: HoldListener): Disposable {
    this.#listener = listener
    for (const { cid } of this.#held) listener.joined(cid)
    return {
      [Symbol.dispose]: () => {
        this.#listener = undefined
      },
    }
  }
}
