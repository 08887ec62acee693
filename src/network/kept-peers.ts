import { setTimeout as delay } from 'node:timers/promises'
import type { Libp2p } from '@libp2p/interface'
import { limits } from '../core/limits.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { PeerAddress } from './peer-address.ts'

type Kept = {
  readonly peer: PeerAddress
  /** Ends the keeping of it. */
  readonly stop: AbortController
  /** Milliseconds since 1970 when it was seen that it cannot be reached; undefined while it can. */
  lostAt: number | undefined
}

/** How much longer each pause is: a peer that restarts is found again after half of that time more. */
const SLOWER = 1.5
/** How often a connection is looked at, should libp2p not say that it ended. */
const LOOK_MS = 5_000

/** Keeps connections to peers: dials again when one ends, with longer and longer pauses. */
export class KeptPeers {
  readonly #libp2p: Libp2p
  readonly #log: Logger
  readonly #kept = new Map<string, Kept>()
  readonly #loops = new Set<Promise<void>>()

  constructor(libp2p: Libp2p, log: Logger) {
    this.#libp2p = libp2p
    this.#log = log
  }

  has(id: string): boolean {
    return this.#kept.has(id)
  }

  /** Peers that are not connected and may be again soon: they are worth waiting for. */
  away(): readonly string[] {
    const since = Date.now() - limits.maxRedialMs
    return [...this.#kept.values()]
      .filter((kept) => (kept.lostAt === undefined ? !this.#isOpen(kept) : kept.lostAt > since))
      .map(({ peer }) => peer.id.toString())
  }

  keep(peer: PeerAddress): void {
    const id = peer.id.toString()
    if (this.#kept.has(id)) return
    const kept: Kept = { peer, stop: new AbortController(), lostAt: Date.now() }
    this.#kept.set(id, kept)
    const loop = this.#hold(kept)
      .catch(() => {})
      .finally(() => this.#loops.delete(loop))
    this.#loops.add(loop)
  }

  letGo(id: string): void {
    this.#kept.get(id)?.stop.abort()
    this.#kept.delete(id)
  }

  async stop(): Promise<void> {
    for (const id of [...this.#kept.keys()]) this.letGo(id)
    await Promise.all(this.#loops)
  }

  async #hold(kept: Kept): Promise<void> {
    let pauseMs: number = limits.redialMs
    while (!kept.stop.signal.aborted) {
      const connected = await this.#connect(kept)
      if (connected) {
        kept.lostAt = undefined
        pauseMs = limits.redialMs
        await this.#untilLost(kept)
        kept.lostAt = Date.now()
      } else {
        const jittered = pauseMs * (0.5 + Math.random())
        pauseMs = Math.min(limits.maxRedialMs, pauseMs * SLOWER)
        await delay(jittered, undefined, { signal: kept.stop.signal, ref: false })
      }
    }
  }

  /** A connection that is there may be one that is dying: only an open one counts. */
  async #connect({ peer, stop }: Kept): Promise<boolean> {
    try {
      const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(limits.dialMs)])
      const connection = await this.#libp2p.dial(peer.address, { signal })
      return connection.status === 'open'
    } catch (error) {
      if (!stop.signal.aborted) this.#log.debug({ err: error, peer: `${peer.id}` }, 'not reached')
      return false
    }
  }

  #isOpen({ peer }: Kept): boolean {
    return this.#libp2p.getConnections(peer.id).some(({ status }) => status === 'open')
  }

  async #untilLost(kept: Kept): Promise<void> {
    const { signal } = kept.stop
    while (this.#isOpen(kept) && !signal.aborted) await this.#change(signal)
  }

  /** Resolves when a connection ended, or after a while. */
  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = () => resolve()
    const timer = setTimeout(done, LOOK_MS)
    timer.unref()
    this.#libp2p.addEventListener('connection:close', done)
    signal.addEventListener('abort', done, { once: true })
    await promise
    clearTimeout(timer)
    this.#libp2p.removeEventListener('connection:close', done)
    signal.removeEventListener('abort', done)
  }
}
