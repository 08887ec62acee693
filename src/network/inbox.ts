import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { limits } from '../core/limits.ts'
import type { Logger } from '../telemetry/logger.ts'
import { BITSWAP, type BitswapMessage } from './bitswap-message.ts'
import { decodeMessage } from './decode.ts'

/** Streams one connection may have open to send messages: Kubo uses one, Helia one a message, up to 50. */
const STREAMS = 64
/** Milliseconds a message may take to come: a slow link needs its time for a large block. */
const MESSAGE_MS = 120_000

type OnMessage = (peer: PeerId, message: BitswapMessage) => void

/** A message that has begun to come: its memory counts whole, however little of it is here. */
type Coming = { readonly peer: string; readonly bytes: number; readonly stop: () => void }

/**
 * Takes the messages of peers. Of messages that are not complete a peer may have `peerReceivingBytes`,
 * and all peers `receivingBytes`: beyond it those that have taken longest are given up with their
 * streams, so that who sends halves does not keep others from sending wholes.
 */
export class Inbox {
  readonly #onMessage: OnMessage
  readonly #log: Logger
  /** In the order in which they began. */
  readonly #coming = new Set<Coming>()
  readonly #byPeer = new Map<string, number>()
  #bytes = 0

  constructor(log: Logger, onMessage: OnMessage) {
    this.#log = log
    this.#onMessage = onMessage
  }

  /** Takes the place of the engine's own reading, which holds 5 GiB of halves of one peer. */
  async listen(libp2p: Libp2p): Promise<void> {
    await libp2p.handle(BITSWAP, (stream, connection) => this.#read(stream, connection), {
      force: true,
      maxInboundStreams: STREAMS,
      maxOutboundStreams: STREAMS,
    })
  }

  #read(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer
    const giveUp = (error: unknown): void => {
      this.#log.debug({ err: error, peer: `${peer}` }, 'a stream of a peer was given up')
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
    const frames = new Frames({
      begin: (bytes) => this.#begin(`${peer}`, bytes, giveUp),
      end: (message) => {
        // What comes after its connection ended would leave something behind that nobody clears away.
        if (connection.status === 'open') this.#onMessage(peer, decodeMessage(message))
      },
    })
    stream.addEventListener('message', ({ data }) => {
      try {
        for (const chunk of data instanceof Uint8Array ? [data] : data) frames.take(chunk)
      } catch (error) {
        giveUp(error)
      }
    })
    stream.addEventListener('remoteCloseWrite', () => frames.close())
    stream.addEventListener('close', () => frames.close())
    // Answers go on streams of our own.
    stream.close({ signal: AbortSignal.timeout(limits.dialMs) }).catch(giveUp)
  }

  /** Makes room for a message; what it returns gives the room back. */
  #begin(peer: string, bytes: number, giveUp: (error: unknown) => void): () => void {
    const timer = setTimeout(() => giveUp(new Error('a message took too long')), MESSAGE_MS)
    timer.unref()
    const coming: Coming = { peer, bytes, stop: () => giveUp(new Error('too much was begun')) }
    this.#coming.add(coming)
    this.#count(peer, bytes)
    this.#makeRoom(coming)
    return () => {
      clearTimeout(timer)
      if (this.#coming.delete(coming)) this.#count(peer, -bytes)
    }
  }

  #makeRoom(last: Coming): void {
    for (const coming of this.#coming) {
      const peerIsOver = (this.#byPeer.get(last.peer) ?? 0) > limits.peerReceivingBytes
      if (coming === last || !(peerIsOver || this.#bytes > limits.receivingBytes)) return
      if (peerIsOver && coming.peer !== last.peer) continue
      // Its stream closes, and with it its room is given back; or, should that take a while, here.
      coming.stop()
      if (this.#coming.delete(coming)) this.#count(coming.peer, -coming.bytes)
    }
  }

  #count(peer: string, bytes: number): void {
    this.#bytes += bytes
    const left = (this.#byPeer.get(peer) ?? 0) + bytes
    if (left > 0) this.#byPeer.set(peer, left)
    else this.#byPeer.delete(peer)
  }
}

type FrameEvents = {
  /** A message of so many bytes begins; what it returns is called when it has ended, whole or not. */
  begin(bytes: number): () => void
  end(message: Uint8Array): void
}

/** Messages stand in a stream with their lengths before them. */
class Frames {
  readonly #events: FrameEvents
  #length = 0
  #scale = 1
  #message: Uint8Array | undefined
  #filled = 0
  #leave: (() => void) | undefined
  #closed = false

  constructor(events: FrameEvents) {
    this.#events = events
  }

  /** Throws RangeError for a message that is too long. */
  take(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.byteLength && !this.#closed) {
      const message = this.#message
      at = message === undefined ? this.#takeLength(chunk, at) : this.#fill(message, chunk, at)
    }
  }

  /** Drops what has come of a message that will not end. */
  close(): void {
    this.#closed = true
    this.#reset()
  }

  #takeLength(chunk: Uint8Array, at: number): number {
    const byte = chunk[at] ?? 0
    this.#length += (byte & 0x7f) * this.#scale
    this.#scale *= 0x80
    if (this.#length > limits.maxMessageBytes || this.#scale > 2 ** 35) {
      throw new RangeError('a message that is too long')
    }
    if (byte >= 0x80) return at + 1
    if (this.#length === 0) this.#reset()
    else {
      this.#leave = this.#events.begin(this.#length)
      // Copied: a chunk may be a few bytes of a large piece of memory.
      this.#message = Buffer.allocUnsafeSlow(this.#length)
    }
    return at + 1
  }

  #fill(message: Uint8Array, chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.#length - this.#filled)
    message.set(part, this.#filled)
    this.#filled += part.byteLength
    if (this.#filled === this.#length) {
      this.#reset()
      this.#events.end(message)
    }
    return at + part.byteLength
  }

  #reset(): void {
    this.#leave?.()
    this.#leave = undefined
    this.#message = undefined
    this.#length = 0
    this.#scale = 1
    this.#filled = 0
  }
}
