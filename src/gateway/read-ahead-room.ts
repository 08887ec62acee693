import { limits } from '../core/limits.ts'

/** What one request takes of the room that is left. */
const SHARE = 1 / 8

/** What one request may read ahead until it is disposed. */
export type Room = Disposable & { readonly bytes: number }

/**
 * Memory for what is read ahead of slow clients: a few have all that a reader may have, each further one
 * less of it, so that their number does not multiply it. The block that comes next needs no room.
 */
export class ReadAheadRoom {
  #left: number

  constructor(bytes: number = limits.gatewayReadAheadBytes) {
    this.#left = bytes
  }

  take(): Room {
    const bytes = Math.min(limits.readAheadBytes, Math.floor(this.#left * SHARE))
    this.#left -= bytes
    let taken = bytes
    return {
      bytes,
      [Symbol.dispose]: () => {
        this.#left += taken
        taken = 0
      },
    }
  }
}
