import type { PeerId } from '@libp2p/interface'
import { limits } from '../core/limits.ts'

/** Milliseconds for which one peer alone is asked, unless it answers: then another one is asked, too. */
export const STALL_MS = 2_000
/** Milliseconds a peer rests that a message did not reach. */
const REST_MS = 1_000

/** A connected peer, as one that blocks are asked of. */
export class WantedPeer {
  readonly id: string
  readonly peerId: PeerId
  /** Blocks it sent that were wanted. */
  delivered = 0
  /** Blocks it is asked for and has not sent. */
  outstanding = 0
  /** Wants of which it is asked something: the block, or whether it has it. */
  asked = 0
  /** Blocks that may still come although nobody wants them any more: cancels are slower than they are. */
  late = 0
  /** Blocks it sent, since the last good one, that it was not asked for: wrong ones. */
  wrong = 0
  /** Milliseconds since 1970 when it last sent something that it was asked for. */
  heardAt = Date.now()
  #restsUntil = 0

  constructor(id: string, peerId: PeerId) {
    this.id = id
    this.peerId = peerId
  }

  /** True while it is asked for as many as it is at a time (what is more, many nodes forget), or rests. */
  get isBusy(): boolean {
    return this.outstanding >= limits.maxWantsAhead || this.isResting
  }

  get isResting(): boolean {
    return performance.now() < this.#restsUntil
  }

  /** A message did not reach it: it is left alone for a while, until it is clear whether it is still there. */
  rest(): void {
    this.#restsUntil = performance.now() + REST_MS
  }

  /** What one of these sends is not even hashed, until it connects again. */
  get isLiar(): boolean {
    return this.wrong > limits.maxWrongBlocks
  }

  get isSilent(): boolean {
    return Date.now() - this.heardAt > STALL_MS
  }

  /** Those that delivered before those that did not, then those with less to do. */
  static compare(a: WantedPeer, b: WantedPeer): number {
    const proven = Number(b.delivered > 0) - Number(a.delivered > 0)
    return proven === 0 ? a.outstanding - b.outstanding : proven
  }
}
