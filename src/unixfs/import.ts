import { CID } from 'multiformats/cid'
import { abortable } from '../core/abortable.ts'
import type { FolderEntry } from '../core/content.ts'
import { BlockWriter, type PutBlock } from './block-writer.ts'
import type { ChunkOptions } from './chunks.ts'
import { type ImportedFile, writeFile } from './file-writer.ts'
import { FolderTree } from './folder-tree.ts'

export type { PutBlock } from './block-writer.ts'
export type { ImportedFile } from './file-writer.ts'

export type ImportOptions = Pick<ChunkOptions, 'signal' | 'handedOver'>

/**
 * Stores one file under the CID the profile `unixfs-v1-2025` (IPIP-499) gives it, in bounded
 * memory. Resolves when `blocks` has taken all; rejects only when nothing of it is under way.
 * Throws CANCELLED, and what `content` and `blocks` do.
 */
export function importFile(
  blocks: PutBlock,
  content: AsyncIterable<Uint8Array>,
  options: ImportOptions & Pick<ChunkOptions, 'expectedBytes'> = {},
): Promise<ImportedFile> {
  return settled(new BlockWriter(blocks), (writer) => writeFile(writer, content, options))
}

/** A folder that is stored. `bytes` are those of all its files, `dagBytes` those of all blocks. */
export type ImportedFolder = {
  readonly cid: CID
  readonly files: number
  readonly directories: number
  readonly bytes: number
  readonly dagBytes: number
}

/**
 * Stores a folder, entries in any order. Parents are made where nobody names them; empty folders
 * and names stay exactly as they are. The content of an entry is read before the next is asked
 * for, while blocks of the ones before are still being stored. Throws INVALID_INPUT for a path that
 * is there twice, is a file and a folder, or has a name no folder can have; DAG_LIMIT for one that
 * is too long, deep or many; CANCELLED; and what `entries` and `blocks` do.
 */
export function importFolder(
  blocks: PutBlock,
  entries: AsyncIterable<FolderEntry>,
  options: ImportOptions = {},
): Promise<ImportedFolder> {
  return settled(new BlockWriter(blocks), async (writer) => {
    const tree = new FolderTree()
    const { files, bytes } = await writeEntries(writer, { tree, entries }, options)
    const { cid, dagBytes } = await tree.write(writer, options.signal)
    return { cid: CID.decode(cid), files, directories: tree.directories, bytes, dagBytes }
  })
}

async function writeEntries(
  writer: BlockWriter,
  { tree, entries }: { readonly tree: FolderTree; readonly entries: AsyncIterable<FolderEntry> },
  options: ImportOptions,
): Promise<{ readonly files: number; readonly bytes: number }> {
  let files = 0
  let bytes = 0
  for await (const entry of abortable(entries, options.signal)) {
    if (entry.kind === 'directory') {
      tree.addDirectory(entry.path)
      continue
    }
    const store = tree.addFile(entry.path)
    const file = await writeFile(writer, entry.content, { ...options, expectedBytes: entry.size })
    store({ cid: file.cid.bytes, dagBytes: file.dagBytes })
    files++
    bytes += file.bytes
  }
  return { files, bytes }
}

/** Runs `write` and waits for its blocks, also when it fails: whoever owns `blocks` may close them then. */
async function settled<T>(
  writer: BlockWriter,
  write: (writer: BlockWriter) => Promise<T>,
): Promise<T> {
  try {
    const result = await write(writer)
    await writer.settle()
    return result
  } finally {
    await writer.idle()
  }
}
