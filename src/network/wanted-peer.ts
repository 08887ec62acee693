import type { PeerId } from '@libp2p/interface'
import { limits } from '../core/limits.ts'

/** A connected peer, as one that blocks are asked of. */
export class WantedPeer {
  readonly id: string
  readonly peerId: PeerId
  /** Blocks it sent that were wanted. */
  delivered = 0
  /** Blocks it is asked for and has not sent. */
  outstanding = 0
  /** Milliseconds since 1970 of its last message. */
  heardAt = Date.now()

  constructor(id: string, peerId: PeerId) {
    this.id = id
    this.peerId = peerId
  }

  /** As many as it is asked for at a time: what is more, many nodes forget. */
  get isFull(): boolean {
    return this.outstanding >= limits.maxWantsAhead
  }

  /** Those that delivered before those that did not, then those with less to do. */
  static compare(a: WantedPeer, b: WantedPeer): number {
    const proven = Number(b.delivered > 0) - Number(a.delivered > 0)
    return proven === 0 ? a.outstanding - b.outstanding : proven
  }
}
