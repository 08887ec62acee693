import type { Libp2p, PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { limits } from '../core/limits.ts'
import type { Logger } from '../telemetry/logger.ts'
import { BITSWAP } from './bitswap-message.ts'
import { encodeHaves, encodeWants, framed, type WantEntry } from './wire.ts'

type Pending = {
  readonly peer: PeerId
  entries: WantEntry[]
  /** CIDs of blocks the peer asked whether they are here, by their text. */
  haves: Map<string, Uint8Array>
  sending: boolean
}

/**
 * Sends peers what we want of them and what we have of what they want: all that comes in one turn of
 * the event loop in one message.
 */
export class Outbox {
  readonly #libp2p: Libp2p
  readonly #log: Logger
  readonly #onFailure: (peer: string) => void
  readonly #pending = new Map<string, Pending>()
  readonly #stop = new AbortController()

  /** `onFailure` is told who a message could not be sent to. */
  constructor(libp2p: Libp2p, log: Logger, onFailure: (peer: string) => void) {
    this.#libp2p = libp2p
    this.#log = log
    this.#onFailure = onFailure
  }

  add(peer: PeerId, entry: WantEntry): void {
    this.#pendingOf(peer).entries.push(entry)
  }

  /** Says that a block is here. Who asks more than he reads is told of some of them alone. */
  addHave(peer: PeerId, cid: CID): void {
    const { haves } = this.#pendingOf(peer)
    if (haves.size < limits.maxPeerWants) haves.set(cid.toString(), cid.bytes)
  }

  #pendingOf(peer: PeerId): Pending {
    const id = peer.toString()
    const pending = this.#pending.get(id) ?? {
      peer,
      entries: [],
      haves: new Map(),
      sending: false,
    }
    this.#pending.set(id, pending)
    if (!pending.sending) setImmediate(() => void this.#send(id, pending))
    pending.sending = true
    return pending
  }

  stop(): void {
    this.#stop.abort()
    this.#pending.clear()
  }

  async #send(id: string, pending: Pending): Promise<void> {
    while (pending.entries.length + pending.haves.size > 0 && !this.#stop.signal.aborted) {
      const haves = encodeHaves([...pending.haves.values()])
      const message = Buffer.concat([encodeWants(pending.entries), haves])
      pending.entries = []
      pending.haves = new Map()
      try {
        await this.#message(pending.peer, message)
      } catch (error) {
        this.#log.debug({ err: error, peer: id }, 'wants could not be sent')
        this.#onFailure(id)
      }
    }
    this.#pending.delete(id)
  }

  async #message(peer: PeerId, message: Uint8Array): Promise<void> {
    const timeout = AbortSignal.timeout(limits.dialMs)
    const signal = AbortSignal.any([this.#stop.signal, timeout])
    const [connection] = this.#libp2p.getConnections(peer).filter((one) => one.status === 'open')
    if (connection === undefined) throw new Error('the peer is not connected any more')
    const stream = await connection.newStream(BITSWAP, { signal })
    try {
      await stream.closeRead({ signal })
      if (!stream.send(framed(message))) await stream.onDrain({ signal })
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }
}
