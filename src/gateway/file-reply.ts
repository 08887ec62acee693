import type { CID } from 'multiformats/cid'
import { isPrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { BlockBuffers } from '../unixfs/block-buffers.ts'
import type { SymlinkNode } from '../unixfs/dag-node.ts'
import { type OpenFile, readLoaded } from '../unixfs/read.ts'
import { contentDisposition } from '../web/content-disposition.ts'
import type { Ask, Reply } from './ask.ts'
import { contentReply, IMMUTABLE, notModified } from './content-reply.ts'
import { type TypeMemory, typeByBytes, typeByName, UNKNOWN } from './content-type.ts'
import type { ByteRange } from './ranges.ts'

/** Longer reads use their buffers again: a shorter one ends before it would pay. */
const REUSE_ABOVE_BYTES = 1024 * 1024

/** What text and most formats are told by. */
const ENOUGH_BYTES = 1024

/** What has bytes of its own: of a symbolic link they are its target, as Kubo serves it. */
export type FileRoot = OpenFile | SymlinkNode

/** A file of UnixFS where it was found. */
export type FoundFile = {
  readonly cid: CID
  /** `x-ipfs-roots`: the CIDs from the root to the content, joined. */
  readonly roots: string
  /** The tag of the answer, when it is not the file's CID: of a folder's index.html the folder's. */
  readonly tagged?: CID
  /** The name it was asked for by, when that is not the end of the path. */
  readonly name?: string
}

/** What is known of a file before its root is loaded: enough for a client that has it already. */
export function knownFile(ask: Ask, found: FoundFile): Reply | undefined {
  return notModified(ask, tagOf(found), headersOf(ask, found))
}

/** The file, or the part of it that was asked for. */
export async function fileReply(
  ask: Ask,
  found: FoundFile & { readonly root: FileRoot },
  types: TypeMemory,
): Promise<Reply> {
  const { root } = found
  return contentReply(ask, {
    size: root.kind === 'symlink' ? root.data.length : root.bytes,
    type: root.kind === 'symlink' ? 'inode/symlink' : await typeOf(ask, { ...found, root }, types),
    etag: tagOf(found),
    headers: headersOf(ask, found),
    read: (range) => readPart(ask, root, range),
    label: 'file',
  })
}

function tagOf({ tagged, cid }: FoundFile): string {
  return `"${tagged ?? cid}"`
}

function headersOf(ask: Ask, { roots }: FoundFile): Record<string, string> {
  const disposition = dispositionOf(ask)
  return {
    'cache-control': IMMUTABLE,
    'x-ipfs-roots': roots,
    ...(disposition !== undefined && { 'content-disposition': disposition }),
  }
}

/** Only where the URL says so: else the browser names and shows the file by its path. */
function dispositionOf({ query, path, rootText }: Ask): string | undefined {
  const filename = query.get('filename') ?? ''
  const download = query.get('download') === 'true'
  if (filename === '' && !download) return undefined
  const name = filename === '' ? (path.at(-1) ?? rootText) : filename
  return contentDisposition(download ? 'attachment' : 'inline', name)
}

async function typeOf(
  ask: Ask,
  { cid, name, root }: FoundFile & { readonly root: OpenFile },
  types: TypeMemory,
): Promise<string> {
  const filename = ask.query.get('filename') ?? ''
  const byName = typeByName(filename === '' ? (name ?? ask.path.at(-1) ?? '') : filename)
  if (byName !== undefined) return byName
  const key = cid.toString()
  const known = types.get(key)
  if (known !== undefined) return known
  const head = await headBytes(ask, root)
  if (head === undefined) return UNKNOWN
  const type = await typeByBytes(head, head.length === root.bytes)
  types.add(key, type)
  return type
}

/**
 * The first bytes of a file: those of its first block, when they are enough. Undefined when it is not
 * there and a part of the file is asked for: that may be.
 */
async function headBytes(ask: Ask, root: OpenFile): Promise<Uint8Array | undefined> {
  const range = { offset: 0, length: Math.min(limits.sniffBytes, root.bytes) }
  let head: Uint8Array = new Uint8Array(0)
  try {
    for await (const chunk of chunksOf(ask, root, range)) {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk])
      if (head.length >= ENOUGH_BYTES) break
    }
  } catch (error) {
    const missing = isPrsmError(error) && error.code === 'CONTENT_NOT_FOUND'
    if (!missing || ask.header('range') === undefined) throw error
    return undefined
  }
  return head
}

/** The first chunk before the head of the answer leaves: what fails until then has its status. */
async function readPart(
  ask: Ask,
  root: FileRoot,
  range: ByteRange,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const { offset, length } = range
  if (root.kind === 'symlink') return root.data.subarray(offset, offset + length)
  const chunks = chunksOf(ask, root, range)
  const first = await chunks.next()
  if (first.done) return new Uint8Array(0)
  if (first.value.length < length) return continued(chunks, first.value)
  await chunks.return()
  return first.value
}

function chunksOf(
  { blocks, nodes, signal, passingBytes, readAheadBytes }: Ask,
  root: OpenFile,
  { offset, length }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const options = {
    nodes,
    signal,
    offset,
    length,
    ...(passingBytes !== undefined && { passingBytes }),
    ...(readAheadBytes !== undefined && { readAheadBytes }),
    ...(length > REUSE_ABOVE_BYTES && { buffers: new BlockBuffers() }),
  }
  return readLoaded(blocks, root, options)
}

async function* continued(
  chunks: AsyncGenerator<Uint8Array, void, void>,
  first: Uint8Array,
): AsyncGenerator<Uint8Array> {
  try {
    yield first
    yield* chunks
  } finally {
    await chunks.return()
  }
}
