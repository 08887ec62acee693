import type { CID } from 'multiformats/cid'

export type GetOptions = {
  readonly signal?: AbortSignal
  /**
   * Gives a buffer of so many bytes for the answer, which is then the caller's own: the answer is in
   * that buffer, or in its memory moved, which leaves the buffer detached. Nobody else may have a view
   * of it. Without it what comes may be shared with others, and is not to be written to.
   */
  readonly allocate?: (bytes: number) => Uint8Array
  /** Read once, as the blocks of a large file are: it need not be kept in memory for the next reader. */
  readonly passing?: boolean
}

/** A part of a block: `offset` and `length` in bytes, inside the block. */
export type Part = { readonly offset: number; readonly length: number }

/**
 * Where a reader gets blocks from. What comes back is verified. A block that is not there is
 * CONTENT_NOT_FOUND; one that cannot be read is STORAGE_IO; one that is damaged is BLOCK_CORRUPT.
 */
export interface BlockSource {
  get(cid: CID, options?: GetOptions): Promise<Uint8Array>
  /** The bytes `part` of the block. Throws INVALID_RANGE when the block is shorter than `part` says. */
  getPart(cid: CID, part: Part, options?: GetOptions): Promise<Uint8Array>
  /** Bytes of the block, read from nowhere but the index when it is stored here. */
  size(cid: CID, options?: GetOptions): Promise<number>
}

/** Blocks that this machine has, for those who ask without wanting to wait. */
export interface LocalBlocks extends BlockSource {
  has(cid: CID): boolean
}

/** One reader's way to blocks: what is fetched for it stays at hand until it is disposed. */
export interface BlockSession extends BlockSource, AsyncDisposable {}

export type SessionOptions = {
  /** What is read: kept from collections while the session is open. */
  readonly root?: CID
  /** Ask nobody: what is not here is CONTENT_NOT_FOUND at once. */
  readonly offline?: boolean
}

export type FetchOptions = {
  readonly signal: AbortSignal
  /** Called when something came that brings this block nearer: a part of it, or one that it waits its turn behind. */
  readonly onProgress: () => void
}

/** What one of those who were asked said. `answer` is a few words for people, as `does not have it`. */
export type Answer = { readonly from: string; readonly answer: string }

/** Somebody else who may have blocks. What comes is not verified: who asked does that. */
export interface BlockFetcher {
  /** As it stands in metrics and messages: `peers`. */
  readonly name: string
  /**
   * One block. Rejects with CONTENT_NOT_FOUND, `details.answers` an array of `Answer`, as soon as it is
   * sure that nobody has it; goes on waiting while somebody may still answer. An abort of the signal
   * withdraws the question.
   */
  fetch(cid: CID, options: FetchOptions): Promise<Uint8Array>
  /** Says that what came for `cid` last was not what was asked for. */
  reject(cid: CID): void
  /** Who has been asked for `cid` and has not answered, for the message of a time-out. */
  waitingFor(cid: CID): readonly string[]
}
