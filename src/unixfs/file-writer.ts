import type { CID } from 'multiformats/cid'
import { RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { BlockWriter } from './block-writer.ts'
import { type ChunkOptions, chunksOf } from './chunks.ts'
import { FILE_FANOUT, UNIXFS_PROFILE } from './profile.ts'

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
  const files = unixfs({ blockstore: storeOf(writer) }).addAll([{ content: [] }], {
    profile: UNIXFS_PROFILE,
    // One file needs no tree around it.
    treeBuilder: (source) => source,
    fileImportConcurrency: 1,
    // Its chunks come here and not by the importer, which takes five generators to hand on each of them.
    layout: (_, makeNode) => layOut(leavesOf(writer, chunks), makeNode),
  })
  for await (const { cid, size, unixfs: node } of files) {
    if (node !== undefined) return { cid, bytes: Number(node.fileSize()), dagBytes: Number(size) }
  }
  throw new PrsmError('INTERNAL', 'the importer gave no file')
}

/** A leaf or a node above, as the importer takes it to make the next one of. */
type Child = { readonly cid: CID; readonly size: bigint }

async function* leavesOf(
  writer: BlockWriter,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Child[], void, void> {
  let leaves: Child[] = []
  for await (const chunk of chunks) {
    const room = writer.room()
    if (room !== undefined) await room
    leaves.push({ cid: writer.write(RAW, chunk), size: BigInt(chunk.byteLength) })
    if (leaves.length < FILE_FANOUT) continue
    yield leaves
    leaves = []
  }
  if (leaves.length > 0) yield leaves
}

type MakeNode<Node extends Child> = (children: Child[]) => Promise<Node>

/** The balanced layout: nodes over the leaves, and over those, until one is above all. */
async function layOut<Node extends Child>(
  groups: AsyncIterable<Child[]>,
  makeNode: MakeNode<Node>,
): Promise<Node> {
  const nodes: Node[] = []
  for await (const children of groups) nodes.push(await makeNode(children))
  const [root] = nodes
  if (root === undefined) throw new PrsmError('INTERNAL', 'a file without a chunk is no tree')
  return nodes.length === 1 ? root : await layOut(grouped(nodes), makeNode)
}

async function* grouped(nodes: readonly Child[]): AsyncGenerator<Child[], void, void> {
  for (let at = 0; at < nodes.length; at += FILE_FANOUT) yield nodes.slice(at, at + FILE_FANOUT)
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
