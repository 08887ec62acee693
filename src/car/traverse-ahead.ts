import type { CID } from 'multiformats/cid'
import { inlineBlock } from '../blocks/multihash.ts'
import type { BlockSource, GetOptions } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import { limits } from '../core/limits.ts'
import { BlockBuffers } from '../unixfs/block-buffers.ts'
import { dagLimit } from '../unixfs/dag-error.ts'
import type { Visit } from './traverse-links.ts'

/** A block that came, and the memory it ends when it is the walk's own: `headroom` bytes stand before it. */
export type Arrived = { readonly bytes: Uint8Array; readonly room?: Uint8Array }

/** A block that was asked for. */
export type Ahead = {
  readonly visit: Visit
  readonly arrival: Promise<Arrived>
  readonly window: Window
  /** Bytes that are counted for it: its own once it is here. */
  counted: number
  here: boolean
}

/** Guess of a block's bytes where nobody claims any. */
const UNKNOWN_BYTES = 256 * 1024
/** Bytes after which a walk is one that would drive all else out of the memory cache. */
const PASSING_AFTER_BYTES = 16 * 1024 * 1024

/** What may be on its way or waiting at a time. */
export class Window {
  readonly #maxBlocks: number
  readonly #maxBytes: number
  blocks = 0
  bytes = 0

  constructor(maxBlocks: number, maxBytes: number) {
    this.#maxBlocks = maxBlocks
    this.#maxBytes = maxBytes
  }

  hasRoom(bytes: number): boolean {
    return this.blocks < this.#maxBlocks && this.bytes + bytes <= this.#maxBytes
  }
}

export type FetcherOptions = {
  readonly signal: AbortSignal
  /** Bytes that are left free before each block, where it comes in memory of the walk's own. */
  readonly headroom: number
}

/** Asks for the blocks of one walk ahead of their turn, counting what they take. */
export class AheadFetcher {
  readonly #source: BlockSource
  readonly #options: FetcherOptions
  readonly #buffers = new BlockBuffers()
  #largest = UNKNOWN_BYTES
  #received = 0
  /** True once a block was larger than its parent claimed: from then on each may be as large as can be. */
  #liedTo = false

  constructor(source: BlockSource, options: FetcherOptions) {
    this.#source = source
    this.#options = options
  }

  /** Bytes that have to be counted for a block before it is here. */
  expected({ cid, claimed = this.#largest }: Visit): number {
    if (inlineBlock(cid) !== undefined) return 0
    return Math.min(limits.maxBlockBytes, this.#liedTo ? limits.maxBlockBytes : claimed)
  }

  /** Asks for a block under a window, whether it has room or not. */
  start(visit: Visit, window: Window): Ahead {
    const counted = this.expected(visit)
    window.blocks++
    window.bytes += counted
    const arrival = this.#get(visit.cid)
    const ahead: Ahead = { visit, arrival, window, counted, here: false }
    // A failure is told to whoever takes it; when nobody does (the reader stopped), it is nobody's.
    arrival.then(
      ({ bytes }) => this.#note(ahead, bytes.byteLength),
      () => {
        ahead.here = true
      },
    )
    return ahead
  }

  /** The block, no longer counted. */
  async take(ahead: Ahead): Promise<Arrived> {
    const arrived = await ahead.arrival
    ahead.window.blocks--
    ahead.window.bytes -= ahead.counted
    return arrived
  }

  /** Takes back the memory of a block that is done with. */
  give({ room }: Arrived): void {
    if (room !== undefined) this.#buffers.give(room)
  }

  #note(ahead: Ahead, bytes: number): void {
    ahead.here = true
    ahead.window.bytes += bytes - ahead.counted
    ahead.counted = bytes
    this.#largest = Math.max(this.#largest, bytes)
    this.#received += bytes
    if (bytes > (ahead.visit.claimed ?? bytes)) this.#liedTo = true
  }

  async #get(cid: CID): Promise<Arrived> {
    const inline = inlineBlock(cid)
    if (inline !== undefined) return { bytes: checkedInline(cid, inline) }
    const { signal, headroom } = this.#options
    let room: Uint8Array | undefined
    const options: GetOptions = {
      signal,
      passing: cid.code === RAW || this.#received > PASSING_AFTER_BYTES,
      allocate: (bytes) => {
        room = this.#buffers.take(headroom + bytes)
        return room.subarray(headroom)
      },
    }
    const bytes = await this.#source.get(cid, options)
    if (room === undefined) return { bytes }
    const own = isDetached(room) ? memoryUpTo(bytes) : room
    return endsWith(own, bytes) ? { bytes, room: own } : { bytes }
  }
}

function checkedInline(cid: CID, bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength <= limits.maxIdentityBytes) return bytes
  throw dagLimit(cid, `an identity CID carries ${bytes.byteLength} bytes`)
}

/** True when a read has moved the memory, as it may. */
function isDetached({ buffer }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && buffer.detached
}

/** The memory that `bytes` are in, from its begin to their end. */
function memoryUpTo({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, 0, byteOffset + byteLength)
}

/** True when `bytes` are the end of `room`: a source may give what it has, whatever was allocated. */
function endsWith(room: Uint8Array, bytes: Uint8Array): boolean {
  const end = room.byteOffset + room.byteLength
  return room.buffer === bytes.buffer && bytes.byteOffset + bytes.byteLength === end
}
