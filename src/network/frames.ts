import { limits } from '../core/limits.ts'

export type FrameEvents = {
  /** A message of so many bytes wants to begin: nothing is taken before `enter` is called. */
  begin(bytes: number): void
  /** A part of it came. */
  moved(): void
  /** It is whole. */
  end(message: Uint8Array): void
}

/** Messages stand in a stream with their lengths before them. */
export class Frames {
  readonly #events: FrameEvents
  #length = 0
  #scale = 1
  #message: Uint8Array | undefined
  #filled = 0
  #isWaiting = false
  #isClosed = false
  /** What came behind a length while its message waits to begin. */
  #rest: Uint8Array[] = []

  constructor(events: FrameEvents) {
    this.#events = events
  }

  /** True while a message waits to begin: what is given is held. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  /** Throws RangeError for a message that is too long. */
  take(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.byteLength && !this.#isClosed) {
      if (this.#isWaiting) {
        this.#rest.push(chunk.subarray(at))
        return
      }
      const message = this.#message
      at = message === undefined ? this.#takeLength(chunk, at) : this.#fill(message, chunk, at)
    }
  }

  /** Lets the message begin that wants to, and takes what came behind its length. */
  enter(): void {
    if (!this.#isWaiting || this.#isClosed) return
    this.#isWaiting = false
    // Copied: a chunk may be a few bytes of a large piece of memory.
    this.#message = Buffer.allocUnsafeSlow(this.#length)
    for (const chunk of this.#rest.splice(0)) this.take(chunk)
  }

  /** Drops what has come of a message that will not end. */
  close(): void {
    this.#isClosed = true
    this.#rest = []
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
      this.#isWaiting = true
      this.#events.begin(this.#length)
    }
    return at + 1
  }

  #fill(message: Uint8Array, chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.#length - this.#filled)
    message.set(part, this.#filled)
    this.#filled += part.byteLength
    if (this.#filled < this.#length) this.#events.moved()
    else {
      this.#reset()
      this.#events.end(message)
    }
    return at + part.byteLength
  }

  #reset(): void {
    this.#message = undefined
    this.#length = 0
    this.#scale = 1
    this.#filled = 0
    this.#isWaiting = false
  }
}
