import type { PeerId } from '@libp2p/interface'
import { CID } from 'multiformats/cid'
import type { LocalBlocks } from '../core/block-source.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { BitswapEngine } from './bitswap-engine.ts'
import type { BitswapMessage, BitswapWant } from './bitswap-message.ts'
import type { Outbox } from './outbox.ts'

/** Wants given to the engine at a time, however small their blocks are. */
const BATCH_WANTS = 256
/** Milliseconds in which a peer takes a portion, or has smaller ones. */
const SLOW_MS = 30_000

type Asker = {
  readonly peer: PeerId
  /** By multihash: a want that comes twice is one. */
  readonly wants: Map<string, { readonly cid: CID; readonly want: BitswapWant }>
  running: boolean
  /** Bytes of its next portion: small for who has read nothing yet. */
  portionBytes: number
}

export type ServeParts = {
  readonly blocks: LocalBlocks
  readonly log: Logger
  readonly outbox: Outbox
}

/**
 * Gives what peers want to the engine in portions. The engine loads all that one message asks for
 * before it sends the first block: a peer that asks for a thousand and reads none would hold two
 * gigabytes. A portion is one large block at first, twice as much after each that the peer took, and
 * `peerServingBytes` at most: peers that read nothing do not fill the `servingBytes` of all together.
 */
export class ServeQueue {
  readonly #blocks: LocalBlocks
  readonly #log: Logger
  readonly #outbox: Outbox
  readonly #lists: BitswapEngine['peerWantLists']
  readonly #askers = new Map<string, Asker>()
  readonly #waiting: (() => void)[] = []
  #bytes = 0

  constructor(engine: BitswapEngine, { blocks, log, outbox }: ServeParts) {
    this.#blocks = blocks
    this.#log = log
    this.#outbox = outbox
    this.#lists = engine.peerWantLists
  }

  /** A block is stored now: whoever asked in vain gets it. */
  stored(cid: CID): void {
    if (this.#askers.size === 0) return
    this.#lists.receivedBlock(cid, {}).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'a stored block could not be offered')
    })
  }

  /** What a peer wants, and wants no more. */
  receive(peer: PeerId, { wantlist }: BitswapMessage): void {
    if (wantlist.entries.length === 0 && !wantlist.full) return
    const asker = this.#askerOf(peer)
    if (wantlist.full) {
      asker.wants.clear()
      this.#pass(peer, [], true)
    }
    this.#cancel(
      asker,
      wantlist.entries.filter(({ cancel }) => cancel),
    )
    for (const want of wantlist.entries) if (!want.cancel) this.#want(asker, want)
    if (asker.wants.size > 0 && !asker.running) void this.#serve(asker)
  }

  /** A peer that is not connected any more. */
  forget(peer: PeerId): void {
    this.#askers.get(peer.toString())?.wants.clear()
    this.#askers.delete(peer.toString())
    // The engine hears of it only as long as it knows what the peer speaks.
    this.#lists.ledgerMap.delete(peer)
  }

  /** The engine goes through its whole list for each word of it: it hears of those alone that it knows. */
  #cancel(asker: Asker, cancels: readonly BitswapWant[]): void {
    const ledger = this.#lists.ledgerMap.get(asker.peer)
    const known = cancels.filter((want) => {
      const cid = decoded(want.cid)
      if (cid === undefined) return false
      asker.wants.delete(keyOf(cid))
      return ledger?.hasWant(cid) === true
    })
    if (known.length > 0) this.#pass(asker.peer, known)
  }

  #want(asker: Asker, want: BitswapWant): void {
    const cid = decoded(want.cid)
    if (cid === undefined) {
      this.#log.debug('a peer wants what is no CID')
    } else if (want.wantType === 'WantHave' && this.#blocks.has(cid)) {
      // The engine would read the whole block to say so.
      this.#outbox.addHave(asker.peer, cid)
    } else {
      const key = keyOf(cid)
      if (asker.wants.size >= limits.maxPeerWants && !asker.wants.has(key)) return
      asker.wants.set(key, { cid, want: { ...want, cid: cid.bytes } })
    }
  }

  async #serve(asker: Asker): Promise<void> {
    asker.running = true
    try {
      while (asker.wants.size > 0) await this.#portion(asker)
    } catch (error) {
      this.#log.debug({ err: error }, 'a peer could not be served')
      asker.wants.clear()
    } finally {
      asker.running = false
    }
  }

  async #portion(asker: Asker): Promise<void> {
    const { entries, bytes } = await this.#next(asker)
    await this.#room(bytes)
    const startedAt = performance.now()
    try {
      // One that is gone would be dialled.
      if (this.#askers.get(asker.peer.toString()) !== asker) return
      this.#pass(asker.peer, entries)
      await this.#lists.ledgerMap.get(asker.peer)?.sendQueue.onIdle()
    } finally {
      const isSlow = performance.now() - startedAt > SLOW_MS
      const twice = Math.min(asker.portionBytes * 2, limits.peerServingBytes)
      asker.portionBytes = isSlow ? limits.maxBlockBytes : twice
      this.#bytes -= bytes
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  async #next({ wants, portionBytes }: Asker): Promise<{ entries: BitswapWant[]; bytes: number }> {
    const entries: BitswapWant[] = []
    let bytes = 0
    for (const [key, { cid, want }] of wants) {
      const size = this.#blocks.has(cid) ? await this.#blocks.size(cid).catch(() => 0) : 0
      if (entries.length > 0 && bytes + size > portionBytes) break
      wants.delete(key)
      entries.push(want)
      bytes += size
      if (entries.length >= BATCH_WANTS) break
    }
    return { entries, bytes }
  }

  async #room(bytes: number): Promise<void> {
    while (this.#bytes > 0 && this.#bytes + bytes > limits.servingBytes) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#bytes += bytes
  }

  #pass(peer: PeerId, entries: readonly BitswapWant[], full = false): void {
    this.#lists.receiveMessage(peer, {
      wantlist: { entries, full },
      blocks: [],
      blockPresences: [],
    })
  }

  #askerOf(peer: PeerId): Asker {
    const id = peer.toString()
    const known = this.#askers.get(id)
    if (known !== undefined) return known
    const asker: Asker = {
      peer,
      wants: new Map(),
      running: false,
      portionBytes: limits.maxBlockBytes,
    }
    this.#askers.set(id, asker)
    return asker
  }
}

/** Bytes of the longest CID there is here: its numbers, and what an identity hash may carry. */
const MAX_CID_BYTES = limits.maxIdentityBytes + 16

/** The CID in memory of its own: as a part of it, it would keep the whole message alive. */
function decoded(bytes: Uint8Array): CID | undefined {
  if (bytes.byteLength > MAX_CID_BYTES) return undefined
  try {
    return CID.decode(Uint8Array.prototype.slice.call(bytes))
  } catch {
    return undefined
  }
}

/** As the engine tells wants apart: two CIDs of one hash are one. */
function keyOf({ multihash }: CID): string {
  return Buffer.from(multihash.bytes).toString('base64')
}
