import type { CID } from 'multiformats/cid'
import { RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { BlockWriter } from './block-writer.ts'
import { type ChunkOptions, chunksOf } from './chunks.ts'
import { UNIXFS_PROFILE } from './profile.ts'

/** A file that is stored: `bytes` of content, `dagBytes` of all its blocks (what its link's Tsize says). */
export type ImportedFile = { readonly cid: CID; readonly bytes: number; readonly dagBytes: number }

/**
 * Writes one file. A file of one chunk is that chunk as a raw block (profile `unixfs-v1-2025`), so
 * it is written here, at a tenth of what the importer takes; a larger one goes through it.
 */
export async function writeFile(
  writer: BlockWriter,
  content: AsyncIterable<Uint8Array>,
  options: ChunkOptions,
): Promise<ImportedFile> {
  const chunks = chunksOf(content, options)
  try {
    const first = await chunks.next()
    const second = await chunks.next()
    await writer.room()
    const start = first.done === true ? new Uint8Array(0) : first.value
    if (second.done === true) return writeLeaf(writer, start)
    return await writeTree(writer, joined([start, second.value], chunks))
  } finally {
    await chunks.return()
  }
}

function writeLeaf(writer: BlockWriter, bytes: Uint8Array): ImportedFile {
  const cid = writer.write(RAW, bytes)
  return { cid, bytes: bytes.byteLength, dagBytes: bytes.byteLength }
}

async function* joined<T>(
  first: readonly T[],
  rest: AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  yield* first
  yield* rest
}

/** Writes a file of two chunks or more through the importer; they may be of any size that all have. */
export async function writeTree(
  writer: BlockWriter,
  chunks: AsyncIterable<Uint8Array>,
): Promise<ImportedFile> {
  // Loaded when the first large file comes: it takes 27 MB and a quarter of a second.
  const { unixfs } = await import('@helia/unixfs')
  const files = unixfs({ blockstore: storeOf(writer) }).addAll([{ content: chunks }], {
    profile: UNIXFS_PROFILE,
    // Content arrives here in chunks, and one file needs no tree around it.
    chunkValidator: (source) => source,
    chunker: (source) => source,
    treeBuilder: (source) => source,
    fileImportConcurrency: 1,
    // Leaves are handed to the store as they come: what the importer gathers are the CIDs.
    blockWriteConcurrency: CIDS_AT_ONCE,
    bufferImporter: (file) => writeLeaves(writer, file.content),
  })
  for await (const { cid, size, unixfs: node } of files) {
    if (node !== undefined) return { cid, bytes: Number(node.fileSize()), dagBytes: Number(size) }
  }
  throw new PrsmError('INTERNAL', 'the importer gave no file')
}

const CIDS_AT_ONCE = 64

/** As the importer takes it. The block it would need for a file of one leaf only: that does not come here. */
type Leaf = { readonly cid: CID; readonly size: bigint; readonly block: Uint8Array }

const NO_BLOCK = new Uint8Array(0)

async function* writeLeaves(
  writer: BlockWriter,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<() => Promise<Leaf>, void, void> {
  for await (const chunk of chunks) {
    await writer.room()
    const cid = writer.write(RAW, chunk)
    const leaf = { cid, size: BigInt(chunk.byteLength), block: NO_BLOCK }
    yield () => Promise.resolve(leaf)
  }
}

/** The importer's view of the store: it only ever puts, the nodes above the leaves. */
function storeOf(writer: BlockWriter) {
  const unread = (): never => {
    throw new PrsmError('INTERNAL', 'an import read a block')
  }
  return {
    async put(cid: CID, bytes: Uint8Array): Promise<CID> {
      writer.put(cid, bytes)
      await writer.room()
      return cid
    },
    get: unread,
    has: unread,
  }
}
