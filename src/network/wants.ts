import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Answer, BlockFetcher, FetchOptions } from '../core/block-source.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { cancelled, throwIfCancelled } from '../core/signal.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { BitswapMessage } from './bitswap-message.ts'
import { hashOf, keyOf, multihashOf } from './multihash.ts'
import type { Outbox } from './outbox.ts'
import { STALL_MS, WantedPeer } from './wanted-peer.ts'

/** Milliseconds after which another one is asked, too, although the first delivers: other blocks, never this one. */
const LONG_MS = 30_000
/** Milliseconds after which the same one is asked again, when there is no other: it may have forgotten. */
const REPEAT_MS = 10_000
/** What an error tells of a peer that sends what nobody asked it for. */
const WRONG = 'sent blocks that are not it'
/** Peers that are asked whether they have a block while another is asked for it. */
const ALSO_ASKED = 8
/** Milliseconds between two words of progress to those who wait. */
const PROGRESS_MS = 200

type Waiter = FetchOptions & {
  resolve(block: Uint8Array): void
  reject(error: unknown): void
}

type Want = {
  readonly cid: CID
  readonly key: string
  readonly waiters: Set<Waiter>
  /** Who was asked for the block, and who whether it has it, and has not answered. */
  readonly asked: Map<string, 'block' | 'have'>
  readonly has: Set<string>
  /** Who does not have it, and what he said. */
  readonly lacks: Map<string, string>
  askedAt: number
  /** Its place in line: when somebody was asked for it first. */
  since: number
}

export type WantsInit = {
  readonly outbox: Outbox
  readonly metrics: Metrics
  /** Who may be waited for although he is not connected. */
  readonly away: () => readonly string[]
}

/**
 * What we want of our peers. One peer is asked for a block at a time, the one that delivers best; the
 * others only whether they have it, so that a block comes once. Peers that connect later are asked,
 * too; who is asked and no longer needed gets a cancel.
 */
export class Wants implements BlockFetcher {
  readonly name = 'peers'
  readonly #init: WantsInit
  readonly #wants = new Map<string, Want>()
  readonly #peers = new Map<string, WantedPeer>()
  #timer: NodeJS.Timeout | undefined
  #progressAt = 0
  /** Of peers that delivered since the last word of progress, the place in line of what they delivered. */
  readonly #moved = new Map<string, number>()

  constructor(init: WantsInit) {
    this.#init = init
  }

  async fetch(cid: CID, options: FetchOptions): Promise<Uint8Array> {
    const { signal } = options
    throwIfCancelled(signal)
    const want = this.#wantOf(cid)
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const waiter: Waiter = { ...options, resolve, reject }
    want.waiters.add(waiter)
    const leave = (): void => this.#leave(want, waiter)
    signal.addEventListener('abort', leave, { once: true })
    this.#advance(want)
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** Blocks are told apart by their hashes alone: what came for `cid` cannot be anything else. */
  reject(cid: CID): void {
    this.#wants.get(keyOf(cid.multihash.bytes))?.lacks.clear()
  }

  waitingFor(cid: CID): readonly string[] {
    const asked = this.#wants.get(keyOf(cid.multihash.bytes))?.asked.keys() ?? []
    const resting = [...this.#peers.values()]
      .filter(({ isResting }) => isResting)
      .map(({ id }) => id)
    return [...new Set([...asked, ...resting, ...this.#init.away()])]
  }

  /** True for a connected peer that exchanges blocks. */
  knows(id: string): boolean {
    return this.#peers.has(id)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    const closed = new PrsmError('NODE_CLOSED', 'the node is closed')
    for (const { waiters } of this.#wants.values()) for (const { reject } of waiters) reject(closed)
    this.#wants.clear()
  }

  #wantOf(cid: CID): Want {
    const key = keyOf(cid.multihash.bytes)
    const known = this.#wants.get(key)
    if (known !== undefined) return known
    const want: Want = {
      cid,
      key,
      waiters: new Set(),
      asked: new Map(),
      has: new Set(),
      lacks: new Map(),
      askedAt: 0,
      since: Number.POSITIVE_INFINITY,
    }
    this.#wants.set(key, want)
    this.#timer ??= setInterval(() => this.#look(), STALL_MS / 2).unref()
    return want
  }

  /** Asks whoever should be asked now; ends the want when nobody is left who could have the block. */
  #advance(want: Want): void {
    const busy = [...want.asked].filter(([, type]) => type === 'block')
    if (busy.length > 0 && !this.#isStalled(want, busy)) return
    const next = this.#best(want)
    if (next !== undefined) {
      this.#askFor(want, next)
      return
    }
    // Nobody else is there: who sent something else, and then nothing, has answered.
    for (const [id] of busy) if ((this.#peers.get(id)?.wrong ?? 0) > 0) this.#lacks(want, id, WRONG)
    if (busy.length > 0 && Date.now() - want.askedAt > REPEAT_MS) this.#repeat(want)
    if (want.asked.size > 0 || this.#anyBusy(want) || this.#init.away().length > 0) return
    this.#fail(want)
  }

  #isStalled(want: Want, busy: readonly (readonly [string, string])[]): boolean {
    const ms = Date.now() - want.askedAt
    if (ms <= STALL_MS) return false
    return ms > LONG_MS || busy.every(([id]) => this.#peers.get(id)?.isSilent !== false)
  }

  /** True when a peer that may have the block cannot be asked now: the want waits its turn. */
  #anyBusy(want: Want): boolean {
    return [...this.#peers].some(([id, peer]) => !want.lacks.has(id) && !peer.isLiar && peer.isBusy)
  }

  /** Of those that say they have the block, else of all that have not said no: the one that delivers best. */
  #best(want: Want): WantedPeer | undefined {
    const open = [...this.#peers.values()].filter(
      ({ id, isBusy, isLiar }) =>
        !want.lacks.has(id) && want.asked.get(id) !== 'block' && !isBusy && !isLiar,
    )
    const having = open.filter(({ id }) => want.has.has(id))
    return (having.length > 0 ? having : open).sort(WantedPeer.compare)[0]
  }

  #askFor(want: Want, peer: WantedPeer): void {
    this.#ask(want, peer, 'block')
    want.askedAt = Date.now()
    want.since = Math.min(want.since, want.askedAt)
    if (peer.delivered > 0) return
    const others = [...this.#peers.values()].filter(
      ({ id, isResting, isLiar }) =>
        !want.lacks.has(id) && !want.has.has(id) && !want.asked.has(id) && !isResting && !isLiar,
    )
    for (const other of others.slice(0, ALSO_ASKED)) this.#ask(want, other, 'have')
  }

  #ask(want: Want, peer: WantedPeer, type: 'block' | 'have'): void {
    if (type === 'block') peer.outstanding += 1
    if (!want.asked.has(peer.id)) peer.asked += 1
    want.asked.set(peer.id, type)
    this.#init.outbox.add(peer.peerId, { cid: want.cid.bytes, type, cancel: false })
  }

  #repeat(want: Want): void {
    want.askedAt = Date.now()
    for (const [id, type] of want.asked) {
      const peer = this.#peers.get(id)
      if (peer === undefined) continue
      // It may send it twice.
      peer.late += 1
      this.#init.outbox.add(peer.peerId, { cid: want.cid.bytes, type, cancel: false })
    }
  }

  /** What a peer sent of what it was asked. */
  receive(id: string, { blocks, blockPresences }: BitswapMessage): void {
    const peer = this.#peers.get(id)
    if (peer === undefined || peer.asked === 0) return
    for (const block of blocks) this.#block(peer, block)
    for (const { cid, has } of blockPresences) this.#presence(peer, multihashOf(cid), has)
    if (blocks.length > 0) this.#next()
  }

  /** What nobody asked this peer for is not even hashed. */
  #block(peer: WantedPeer, { prefix, data }: BitswapMessage['blocks'][number]): void {
    if (peer.asked === 0 || peer.isLiar) return
    const multihash = data.byteLength > limits.maxBlockBytes ? undefined : hashOf(prefix, data)
    const want = multihash === undefined ? undefined : this.#wants.get(keyOf(multihash))
    if (want === undefined) {
      this.#unwanted(peer)
      return
    }
    peer.delivered += 1
    peer.wrong = 0
    peer.heardAt = Date.now()
    this.#end(want, peer)
    // Alone, not as a part of the message that it came in.
    const block = Uint8Array.prototype.slice.call(data)
    for (const { resolve } of want.waiters) resolve(block)
    this.#progress(peer.id, want.since)
  }

  /** A block that comes after its cancel is nobody's fault. */
  #unwanted(peer: WantedPeer): void {
    if (peer.late > 0) {
      peer.late -= 1
      return
    }
    this.#init.metrics.unwantedBlocks.inc()
    peer.wrong += 1
    if (!peer.isLiar) return
    for (const want of [...this.#wants.values()]) {
      if (!want.asked.has(peer.id)) continue
      this.#lacks(want, peer.id, WRONG)
      this.#advance(want)
    }
  }

  #presence(peer: WantedPeer, multihash: Uint8Array | undefined, has: boolean): void {
    const want = multihash === undefined ? undefined : this.#wants.get(keyOf(multihash))
    if (want === undefined || !want.asked.has(peer.id)) return
    if (has && want.asked.get(peer.id) === 'block') return
    peer.heardAt = Date.now()
    if (has) {
      this.#unask(want, peer.id)
      want.has.add(peer.id)
    } else this.#lacks(want, peer.id, 'does not have it')
    this.#advance(want)
  }

  #lacks(want: Want, id: string, answer: string): void {
    this.#unask(want, id)
    want.has.delete(id)
    want.lacks.set(id, answer)
  }

  #unask(want: Want, id: string): void {
    const peer = this.#peers.get(id)
    const type = want.asked.get(id)
    want.asked.delete(id)
    if (type === undefined || peer === undefined) return
    peer.asked -= 1
    if (type === 'block') peer.outstanding -= 1
  }

  /** Takes a want away and says so to all that were asked; `from` has sent it. */
  #end(want: Want, from?: WantedPeer): void {
    this.#wants.delete(want.key)
    for (const id of [...want.asked.keys()]) {
      const peer = this.#peers.get(id)
      this.#unask(want, id)
      if (peer !== undefined) {
        if (peer !== from) peer.late += 1
        this.#init.outbox.add(peer.peerId, { cid: want.cid.bytes, type: 'block', cancel: true })
      }
    }
    if (this.#wants.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #leave(want: Want, waiter: Waiter): void {
    want.waiters.delete(waiter)
    waiter.reject(cancelled(waiter.signal))
    if (want.waiters.size > 0 || this.#wants.get(want.key) !== want) return
    this.#end(want)
    this.#next()
  }

  #fail(want: Want): void {
    this.#end(want)
    for (const { id, isLiar } of this.#peers.values()) if (isLiar) want.lacks.set(id, WRONG)
    const answers: Answer[] = [...want.lacks].map(([from, answer]) => ({ from, answer }))
    const asked = answers.length > 0
    const error = new PrsmError(
      'CONTENT_NOT_FOUND',
      asked
        ? `no connected peer has block ${want.cid}`
        : `block ${want.cid} is not here, and no peer is connected that could be asked`,
      {
        hint: 'connect to a node that has it: prsm peer connect ADDRESS',
        details: { cid: want.cid.toString(), answers },
      },
    )
    for (const { reject } of want.waiters) reject(error)
  }

  connected(peerId: PeerId): void {
    const id = peerId.toString()
    if (!this.#peers.has(id)) this.#peers.set(id, new WantedPeer(id, peerId))
    for (const want of [...this.#wants.values()]) {
      want.lacks.delete(id)
      this.#advance(want)
    }
  }

  disconnected(id: string): void {
    this.#peers.delete(id)
    this.failed(id)
  }

  /** A peer that a message did not reach has been asked for nothing, and is left alone for a while. */
  failed(id: string): void {
    this.#peers.get(id)?.rest()
    this.askAnew(id)
  }

  /** Asks again for what a peer was asked for: what was said on a connection that is gone may be forgotten. */
  askAnew(id: string): void {
    const peer = this.#peers.get(id)
    // It may have been reached all the same.
    if (peer !== undefined) peer.late += peer.asked
    for (const want of [...this.#wants.values()]) {
      if (!want.asked.has(id)) continue
      this.#unask(want, id)
      want.has.delete(id)
      this.#advance(want)
    }
  }

  /** Wants that found every peer busy get their turn. */
  #next(): void {
    for (const want of this.#wants.values()) {
      if (want.asked.size > 0) continue
      this.#advance(want)
      if ([...this.#peers.values()].every(({ isBusy }) => isBusy)) return
    }
  }

  #look(): void {
    for (const want of [...this.#wants.values()]) this.#advance(want)
  }

  /**
   * A block is progress for those that wait their turn behind it: they were asked of the same peer, and
   * not before it, or of nobody yet. One that others overtake is not going anywhere.
   */
  #progress(peer: string, since: number): void {
    this.#moved.set(peer, Math.min(since, this.#moved.get(peer) ?? since))
    const now = Date.now()
    if (now - this.#progressAt < PROGRESS_MS) return
    this.#progressAt = now
    for (const want of this.#wants.values()) {
      if (this.#movesOn(want)) for (const { onProgress } of want.waiters) onProgress()
    }
    this.#moved.clear()
  }

  #movesOn({ asked, since }: Want): boolean {
    if (asked.size === 0) return true
    return [...asked.keys()].some(
      (id) => since >= (this.#moved.get(id) ?? Number.POSITIVE_INFINITY),
    )
  }
}
