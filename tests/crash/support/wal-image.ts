import { readFileSync } from 'node:fs'
import type { Random } from './random.ts'

/** SQLite syncs the header of a -wal before it writes the first frame after it (`walFrames`, syncHeader). */
const HEADER_BYTES = 32

/**
 * A -wal and what of it is on the disk for certain. SQLite writes frames without a sync (NORMAL): what
 * changed since the last one is there or not, in any mixture.
 */
export class WalImage {
  readonly path: string
  #durable: Buffer = Buffer.alloc(0)
  #begun = 0
  #applied = 0

  constructor(path: string) {
    this.path = path
  }

  /** A sync begins now; what it returns is called when it has succeeded. */
  beginSync(): () => void {
    const captured = readFileSync(this.path)
    this.#begun += 1
    const number = this.#begun
    return () => {
      if (number < this.#applied) return
      this.#applied = number
      this.#durable = captured
    }
  }

  /** The same image of a copy of the file. */
  movedTo(path: string): WalImage {
    const moved = new WalImage(path)
    moved.#durable = this.#durable
    return moved
  }

  /** What stays of a file that has lost its name: all of it was in the database, synced, when it did. */
  get durable(): Buffer {
    return this.#durable
  }

  /** What a power cut leaves; `kept` is the share of the sectors not synced that are there all the same. */
  cut(random: Random, kept: number): Buffer {
    const now = readFileSync(this.path)
    const before = this.#durable
    if (now.equals(before)) return now
    const sector = random.pick([512, 4096])
    const bytes = Math.max(now.byteLength, before.byteLength)
    const left = Buffer.alloc(bytes)
    before.copy(left)
    for (let at = 0; at < now.byteLength; at += sector) {
      if (random.chance(kept)) now.copy(left, at, at, at + sector)
    }
    now.copy(left, 0, 0, HEADER_BYTES)
    return left.subarray(0, lengthAfter(random, kept, [before.byteLength, now.byteLength]))
  }
}

/** Never below what was synced, unless the file was made shorter since. */
function lengthAfter(random: Random, kept: number, [before, now]: [number, number]): number {
  if (now <= before) return random.chance(kept) ? now : before
  if (random.chance(kept)) return now
  return Math.max(before, HEADER_BYTES) + random.int(now - Math.max(before, HEADER_BYTES) + 1)
}
