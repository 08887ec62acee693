import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { limits } from '../core/limits.ts'
import type { Logger } from '../telemetry/logger.ts'
import { BITSWAP, type BitswapMessage } from './bitswap-message.ts'
import { decodeMessage } from './decode.ts'
import { Frames } from './frames.ts'
import { type Coming, ReceivingRoom } from './receiving-room.ts'

/** Streams one connection may have open to send messages: Kubo uses one, Helia one a message, up to 50. */
const STREAMS = 64

type OnMessage = (peer: PeerId, message: BitswapMessage) => void

/** Takes the messages of peers: as many at a time as there is room for, while the others' streams stand still. */
export class Inbox {
  readonly #onMessage: OnMessage
  readonly #log: Logger
  readonly #room = new ReceivingRoom()

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
    const reader = new Reader(stream, {
      room: this.#room,
      peer: `${peer}`,
      onMessage: (message) => {
        // What comes after its connection ended would leave something behind that nobody clears away.
        if (connection.status === 'open') this.#onMessage(peer, decodeMessage(message))
      },
      onFault: (error) =>
        this.#log.debug({ err: error, peer: `${peer}` }, 'a stream of a peer was given up'),
    })
    // Answers go on streams of our own.
    stream.close({ signal: AbortSignal.timeout(limits.dialMs) }).catch(reader.giveUp)
  }
}

type ReaderInit = {
  readonly room: ReceivingRoom
  readonly peer: string
  readonly onMessage: (message: Uint8Array) => void
  readonly onFault: (error: unknown) => void
}

/** The messages of one stream, which stands still while there is no room for the next. */
class Reader {
  readonly #stream: Stream
  readonly #init: ReaderInit
  readonly #frames: Frames
  #coming: Coming | undefined
  #ended = false

  constructor(stream: Stream, init: ReaderInit) {
    this.#stream = stream
    this.#init = init
    this.#frames = new Frames({
      begin: (bytes) => this.#begin(bytes),
      moved: () => {
        if (this.#coming !== undefined) init.room.moved(this.#coming)
      },
      end: (message) => {
        this.#leave()
        init.onMessage(message)
      },
    })
    stream.addEventListener('message', ({ data }) =>
      this.#step(() => {
        for (const chunk of data instanceof Uint8Array ? [data] : data) this.#frames.take(chunk)
      }),
    )
    stream.addEventListener('end', () => {
      this.#ended = true
      this.#step(() => {})
    })
    stream.addEventListener('close', ({ error }) => {
      if (error !== undefined) this.#close()
    })
  }

  readonly giveUp = (error: unknown): void => {
    this.#init.onFault(error)
    this.#close()
    this.#stream.abort(error instanceof Error ? error : new Error(String(error)))
  }

  #begin(bytes: number): void {
    const { peer, room } = this.#init
    const enter = (): void => this.#step(() => this.#frames.enter())
    this.#coming = { peer, bytes, enter, giveUp: this.giveUp }
    room.add(this.#coming)
  }

  #step(take: () => void): void {
    try {
      take()
      const waits = this.#frames.isWaiting
      if (this.#ended && !waits) this.#close()
      else flow(this.#stream, waits)
    } catch (error) {
      this.giveUp(error)
    }
  }

  #leave(): void {
    if (this.#coming !== undefined) this.#init.room.remove(this.#coming)
    this.#coming = undefined
  }

  #close(): void {
    this.#frames.close()
    this.#leave()
  }
}

/** Lets the peer send on, or wait: a stream that is not read gets no room for more. */
function flow(stream: Stream, waits: boolean): void {
  if (waits && stream.readStatus === 'readable') stream.pause()
  if (!waits && stream.readStatus === 'paused') stream.resume()
}
