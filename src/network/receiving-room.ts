import { limits } from '../core/limits.ts'

/** Milliseconds without a byte after which a message stands still, and gives way to who waits for room. */
const STILL_MS = 5_000
/** Milliseconds a message may take to come: a slow link needs its time for a large block. */
const MESSAGE_MS = 120_000

/** A message that comes, or wants to: its memory counts whole, however little of it is here. */
export type Coming = {
  readonly peer: string
  readonly bytes: number
  /** Called when it may come. */
  readonly enter: () => void
  /** Called when it may not come any more, or has to go. */
  readonly giveUp: (reason: Error) => void
}

type Entered = { beganAt: number; movedAt: number }

/**
 * Memory for the messages that come: a peer may have `peerReceivingBytes` of those that are not whole,
 * and all peers `receivingBytes`. The others wait, and their senders with them, up to `maxPeerWaiting`
 * and `maxWaiting`. Who waits long gets the room of messages that stand still, or, where the others
 * fill it, of the peer that has most.
 */
export class ReceivingRoom {
  /** In the order in which they came in. */
  readonly #entered = new Map<Coming, Entered>()
  readonly #waiting = new Map<Coming, number>()
  readonly #byPeer = new Map<string, number>()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  /** Lets a message come, now or when there is room. */
  add(coming: Coming): void {
    this.#waiting.set(coming, Date.now())
    this.#admit()
    this.#turnAway(coming)
    this.#timer ??= setInterval(() => this.#look(), STILL_MS / 5).unref()
  }

  /** Says that a part of it came. */
  moved(coming: Coming): void {
    const entered = this.#entered.get(coming)
    if (entered !== undefined) entered.movedAt = Date.now()
  }

  /** It is whole, or will never be. */
  remove(coming: Coming): void {
    this.#waiting.delete(coming)
    if (this.#entered.delete(coming)) {
      this.#count(coming, -coming.bytes)
      this.#admit()
    }
    if (this.#entered.size + this.#waiting.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** In the order in which they asked: of a peer none before another one, of all none before who waits for all. */
  #admit(): void {
    const full = new Set<string>()
    for (const coming of [...this.#waiting.keys()]) {
      if (!this.#waiting.has(coming) || full.has(coming.peer)) continue
      if (this.#isFull(coming)) return
      if (this.#peerIsFull(coming)) {
        full.add(coming.peer)
        continue
      }
      this.#waiting.delete(coming)
      this.#count(coming, coming.bytes)
      this.#entered.set(coming, { beganAt: Date.now(), movedAt: Date.now() })
      coming.enter()
    }
  }

  /** What waits holds memory, too: the last one of who has too many waiting, or most of too many, goes. */
  #turnAway({ peer }: Coming): void {
    const counts = new Map<string, number>()
    for (const one of this.#waiting.keys()) counts.set(one.peer, (counts.get(one.peer) ?? 0) + 1)
    const peerHasTooMany = (counts.get(peer) ?? 0) > limits.maxPeerWaiting
    if (!peerHasTooMany && this.#waiting.size <= limits.maxWaiting) return
    const goes = peerHasTooMany ? peer : most(counts)
    const last = [...this.#waiting.keys()].findLast((one) => one.peer === goes)
    if (last !== undefined) this.#end(last, 'too many messages wait')
  }

  #peerIsFull({ peer, bytes }: Coming): boolean {
    const held = this.#byPeer.get(peer) ?? 0
    return held > 0 && held + bytes > limits.peerReceivingBytes
  }

  #isFull({ bytes }: Coming): boolean {
    return this.#bytes > 0 && this.#bytes + bytes > limits.receivingBytes
  }

  #look(): void {
    const now = Date.now()
    for (const [coming, { beganAt }] of [...this.#entered]) {
      if (now - beganAt > MESSAGE_MS) this.#end(coming, 'a message took too long')
    }
    const late = [...this.#waiting].filter(([, since]) => now - since > STILL_MS)
    for (const peer of new Set(late.map(([coming]) => coming.peer))) this.#endStill(peer, now)
    if (late.some(([coming]) => !this.#peerIsFull(coming) && this.#isFull(coming))) {
      this.#makeRoom(now)
    }
  }

  /** Of the peer that has most: what stands still, else what has been coming for longest. */
  #makeRoom(now: number): void {
    const largest = most(this.#byPeer)
    if (largest === undefined || this.#endStill(largest, now)) return
    const oldest = [...this.#entered.keys()].find(({ peer }) => peer === largest)
    if (oldest !== undefined) this.#end(oldest, 'others wait for its room')
  }

  /** True when some of the peer's messages stood still, and were given up. */
  #endStill(peer: string, now: number): boolean {
    const still = [...this.#entered].filter(
      ([coming, { movedAt }]) => coming.peer === peer && now - movedAt > STILL_MS,
    )
    for (const [coming] of still) this.#end(coming, 'a message stands still')
    return still.length > 0
  }

  #end(coming: Coming, why: string): void {
    this.remove(coming)
    coming.giveUp(new Error(why))
  }

  #count({ peer }: Coming, bytes: number): void {
    this.#bytes += bytes
    const held = (this.#byPeer.get(peer) ?? 0) + bytes
    if (held > 0) this.#byPeer.set(peer, held)
    else this.#byPeer.delete(peer)
  }
}

/** The peer with the highest figure. */
function most(figures: ReadonlyMap<string, number>): string | undefined {
  return [...figures].sort(([, a], [, b]) => b - a)[0]?.[0]
}
