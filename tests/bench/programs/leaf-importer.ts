import { randomFillSync } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { CID } from 'multiformats/cid'
import type { Lease } from '../../../src/blocks/lease.ts'
import { BlockWriter } from '../../../src/unixfs/block-writer.ts'
import { writeTree } from '../../../src/unixfs/file-writer.ts'

export type LeafImport = { readonly path: string; readonly leafBytes: number }

type Count = { leaves: number }

const PIECE_BYTES = 1_048_576

/** Imports a file in leaves of another size than an upload's, else as that does. */
export async function importLeaves(
  lease: Lease,
  file: LeafImport,
): Promise<{ readonly cid: CID; readonly leaves: number }> {
  const count = { leaves: 0 }
  return { cid: await importTree(lease, leavesOf(file, count)), leaves: count.leaves }
}

/** The same of leaves that nobody has yet. */
export async function importNewLeaves(
  lease: Lease,
  { leaves, leafBytes }: { readonly leaves: number; readonly leafBytes: number },
): Promise<void> {
  await importTree(lease, newLeaves(randomFillSync(new Uint8Array(leaves * leafBytes)), leafBytes))
}

async function importTree(lease: Lease, leaves: AsyncIterable<Uint8Array>): Promise<CID> {
  const put = (cid: CID, bytes: Uint8Array) => lease.put(cid, bytes, { hashed: true })
  const writer = new BlockWriter({ put })
  try {
    const { cid } = await writeTree(writer, leaves)
    await writer.settle()
    return cid
  } finally {
    await writer.idle()
  }
}

async function* newLeaves(bytes: Uint8Array, leafBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += leafBytes) yield bytes.subarray(at, at + leafBytes)
}

/** New memory for each piece: the store keeps its leaves for a while. */
async function* leavesOf(
  { path, leafBytes }: LeafImport,
  count: Count,
): AsyncGenerator<Uint8Array, void, void> {
  await using file = await open(path, 'r')
  const pieceBytes = PIECE_BYTES - (PIECE_BYTES % leafBytes)
  while (true) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(pieceBytes), 0, pieceBytes, null)
    if (bytesRead === 0) return
    for (let at = 0; at < bytesRead; at += leafBytes) {
      count.leaves += 1
      yield buffer.subarray(at, Math.min(bytesRead, at + leafBytes))
    }
  }
}
