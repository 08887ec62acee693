/** Where a block is: only named by a link, in `blocks.db`, or in a file of its own. */
export const ABSENT = 0
export const INLINE = 1
export const FILE = 2

/** A row of the block index. `directory` and `segments` belong to file blocks. */
export type BlockRow = {
  readonly id: number
  readonly place: number
  readonly size: number
  readonly epoch: number
  readonly directory: number | null
  readonly segments: Uint8Array | null
}

/** What a block is named by: a CID is one. */
export type Link = { readonly code: number; readonly multihash: { readonly bytes: Uint8Array } }

/** What a commit stores of one block: the block itself unless it is there already, and its links by codec. */
export type BlockWrite = {
  readonly multihash: Uint8Array
  readonly content:
    | { readonly place: typeof INLINE; readonly bytes: Uint8Array }
    | {
        readonly place: typeof FILE
        readonly size: number
        readonly directory: number
        readonly segments: Uint8Array
      }
    | { readonly place: 'stored' }
  readonly links: ReadonlyMap<number, readonly Link[]>
}

/** What the index counts and marks. */
export type MetaKey = 'epoch' | 'unclean_directory' | 'blocks' | 'bytes' | 'file_bytes'
