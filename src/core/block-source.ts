import type { CID } from 'multiformats/cid'

export type GetOptions = {
  readonly signal?: AbortSignal
  /** Gives a buffer of so many bytes for a block that has to be read; who passes it knows when it is free again. */
  readonly allocate?: (bytes: number) => Uint8Array
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
}
