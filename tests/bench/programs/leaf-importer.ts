import { open } from 'node:fs/promises'
import { unixfs } from '@helia/unixfs'
import type { CID } from 'multiformats/cid'
import type { Lease } from '../../../src/blocks/lease.ts'
import { RAW } from '../../../src/core/cid.ts'
import { BlockWriter } from '../../../src/unixfs/block-writer.ts'
import { storeOf } from '../../../src/unixfs/file-writer.ts'
import { UNIXFS_PROFILE } from '../../../src/unixfs/profile.ts'

export type LeafImport = { readonly path: string; readonly leafBytes: number }

type Count = { leaves: number }

const NO_BLOCK = new Uint8Array(0)
const PIECE_BYTES = 1_048_576

/** Imports a file in leaves of another size than an upload's, else driven as that is (`file-writer.ts`). */
export async function importLeaves(
  lease: Lease,
  file: LeafImport,
): Promise<{ readonly cid: CID; readonly leaves: number }> {
  const put = (cid: CID, bytes: Uint8Array) => lease.put(cid, bytes, { hashed: true })
  const writer = new BlockWriter({ put })
  try {
    const count = { leaves: 0 }
    const cid = await writeTree(writer, leavesOf(file), count)
    await writer.settle()
    return { cid, leaves: count.leaves }
  } finally {
    await writer.idle()
  }
}

async function writeTree(
  writer: BlockWriter,
  leaves: AsyncIterable<Uint8Array>,
  count: Count,
): Promise<CID> {
  const files = unixfs({ blockstore: storeOf(writer) }).addAll([{ content: leaves }], {
    profile: UNIXFS_PROFILE,
    chunkValidator: (source) => source,
    chunker: (source) => source,
    treeBuilder: (source) => source,
    fileImportConcurrency: 1,
    blockWriteConcurrency: 64,
    bufferImporter: ({ content }) => writeLeaves(writer, content, count),
  })
  for await (const { cid } of files) return cid
  throw new Error('the importer gave no file')
}

async function* writeLeaves(writer: BlockWriter, leaves: AsyncIterable<Uint8Array>, count: Count) {
  for await (const block of leaves) {
    count.leaves += 1
    await writer.room()
    const cid = writer.write(RAW, block)
    const leaf = { cid, size: BigInt(block.byteLength), block: NO_BLOCK }
    yield () => Promise.resolve(leaf)
  }
}

/** New memory for each piece: the store keeps its leaves for a while. */
async function* leavesOf({ path, leafBytes }: LeafImport): AsyncGenerator<Uint8Array, void, void> {
  await using file = await open(path, 'r')
  const pieceBytes = PIECE_BYTES - (PIECE_BYTES % leafBytes)
  while (true) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(pieceBytes), 0, pieceBytes, null)
    if (bytesRead === 0) return
    for (let at = 0; at < bytesRead; at += leafBytes) {
      yield buffer.subarray(at, Math.min(bytesRead, at + leafBytes))
    }
  }
}
