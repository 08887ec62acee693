import type { PeerId } from '@libp2p/interface'
import { CID } from 'multiformats/cid'
import type { LocalBlocks } from '../core/block-source.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { BitswapEngine, BitswapMessage, BitswapWant } from './bitswap-engine.ts'
import type { Outbox } from './outbox.ts'

/** Wants given to the engine at a time, however small their blocks are. */
const BATCH_WANTS = 256

type Asker = {
  readonly peer: PeerId
  /** By multihash: a want that comes twice is one. */
  readonly wants: Map<string, { readonly cid: CID; readonly want: BitswapWant }>
  running: boolean
}

export type ServeParts = {
  readonly blocks: LocalBlocks
  readonly log: Logger
  readonly outbox: Outbox
}

/**
 * Gives what peers want to the engine in portions. The engine loads all that one message asks for
 * before it sends the first block: a peer that asks for a thousand and reads none would hold two
 * gigabytes. A portion is `peerServingBytes`, all peers' together are `servingBytes`.
 */
export class ServeQueue {
  readonly #blocks: LocalBlocks
  readonly #log: Logger
  readonly #outbox: Outbox
  readonly #lists: BitswapEngine['peerWantLists']
  readonly #receive: (peer: PeerId, message: BitswapMessage) => void
  readonly #askers = new Map<string, Asker>()
  readonly #waiting: (() => void)[] = []
  #bytes = 0

  constructor(engine: BitswapEngine, { blocks, log, outbox }: ServeParts) {
    this.#blocks = blocks
    this.#log = log
    this.#outbox = outbox
    this.#lists = engine.peerWantLists
    this.#receive = this.#lists.receiveMessage.bind(this.#lists)
    this.#lists.receiveMessage = (peer, message) => this.#take(peer, message)
    engine.network.addEventListener('peer:disconnected', ({ detail }) => this.#forget(detail))
  }

  /** A block is stored now: whoever asked in vain gets it. */
  stored(cid: CID): void {
    if (this.#askers.size === 0) return
    this.#lists.receivedBlock(cid, {}).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'a stored block could not be offered')
    })
  }

  #take(peer: PeerId, { wantlist }: BitswapMessage): void {
    if (wantlist === undefined) return
    const asker = this.#askerOf(peer)
    if (wantlist.full === true) {
      asker.wants.clear()
      this.#pass(peer, [], true)
    }
    const cancels = wantlist.entries.filter(({ cancel }) => cancel === true)
    for (const { cid } of cancels) asker.wants.delete(keyOf(cid))
    if (cancels.length > 0) this.#pass(peer, cancels)
    for (const want of wantlist.entries) if (want.cancel !== true) this.#want(asker, want)
    if (asker.wants.size > 0 && !asker.running) void this.#serve(asker)
  }

  #want(asker: Asker, want: BitswapWant): void {
    const cid = decoded(want.cid)
    if (cid === undefined) return this.#log.debug('a peer wants what is no CID')
    // The engine would read the whole block to say so.
    if (want.wantType === 'WantHave' && this.#blocks.has(cid)) {
      return this.#outbox.addHave(asker.peer, want.cid)
    }
    const key = keyOf(want.cid)
    if (asker.wants.size < limits.maxPeerWants || asker.wants.has(key)) {
      asker.wants.set(key, { cid, want })
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
    try {
      this.#pass(asker.peer, entries)
      await this.#lists.ledgerMap.get(asker.peer)?.sendQueue.onIdle()
    } finally {
      this.#bytes -= bytes
      this.#waiting.shift()?.()
    }
  }

  async #next({ wants }: Asker): Promise<{ entries: BitswapWant[]; bytes: number }> {
    const entries: BitswapWant[] = []
    let bytes = 0
    for (const [key, { cid, want }] of wants) {
      const size = this.#blocks.has(cid) ? await this.#blocks.size(cid).catch(() => 0) : 0
      if (entries.length > 0 && bytes + size > limits.peerServingBytes) break
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
    this.#receive(peer, { wantlist: { entries, full }, blocks: [], blockPresences: [] })
  }

  #askerOf(peer: PeerId): Asker {
    const id = peer.toString()
    const known = this.#askers.get(id)
    if (known !== undefined) return known
    const asker: Asker = { peer, wants: new Map(), running: false }
    this.#askers.set(id, asker)
    return asker
  }

  #forget(peer: PeerId): void {
    this.#askers.get(peer.toString())?.wants.clear()
    this.#askers.delete(peer.toString())
  }
}

function decoded(bytes: Uint8Array): CID | undefined {
  try {
    return CID.decode(bytes)
  } catch {
    return undefined
  }
}

function keyOf(cid: Uint8Array): string {
  return Buffer.from(cid).toString('base64')
}
