import type { CID } from 'multiformats/cid'

export type GetOptions = { readonly signal?: AbortSignal }

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
