import { abortable } from '../core/abortable.ts'
import type { ArchiveEntry, FolderEntry } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { ByteReader } from './byte-reader.ts'
import { entryNames, tarEntryPath } from './entry-path.ts'
import {
  BLOCK,
  decodeHeader,
  decodeName,
  decodePax,
  decodePaxSize,
  encodeHeader,
  encodeSymlink,
  invalidTar,
  isZeroBlock,
  padding,
  type TarHeader,
} from './tar-header.ts'

/** Small pieces of an archive leave together, so that a folder of small files is not sent in crumbs. */
const GATHER_BYTES = 64 * 1024
/** Bytes a pax header or a long name may have: a path of the longest length and much besides. */
const MAX_EXTENSION_BYTES = 1024 * 1024

/**
 * A folder as a tar archive (ustar, with pax headers where a name or size needs one): the same bytes for
 * the same entries, whoever makes it and when. Throws UPLOAD_INCOMPLETE when a file is not as long as
 * its entry says.
 */
export function packTar(entries: AsyncIterable<ArchiveEntry>): AsyncIterable<Uint8Array> {
  return gather(pieces(entries))
}

async function* pieces(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    entryNames(entry.path)
    if (entry.kind === 'directory') yield encodeHeader(`${entry.path}/`, '5', 0)
    else if (entry.kind === 'symlink') yield encodeSymlink(entry.path, entry.target)
    else yield* filePieces(entry)
  }
  yield new Uint8Array(2 * BLOCK)
}

async function* filePieces(entry: FolderEntry & { kind: 'file' }): AsyncGenerator<Uint8Array> {
  yield encodeHeader(entry.path, '0', entry.size)
  let bytes = 0
  for await (const piece of entry.content) {
    bytes += piece.length
    if (bytes > entry.size) break
    yield piece
  }
  if (bytes !== entry.size) {
    throw new PrsmError('UPLOAD_INCOMPLETE', `${entry.path} changed while it was read`, {
      details: { path: entry.path, declared: entry.size, read: bytes },
    })
  }
  yield new Uint8Array(padding(entry.size))
}

async function* gather(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let bytes = 0
  for await (const piece of source) {
    const large = piece.length >= GATHER_BYTES
    if (bytes > 0 && (large || bytes + piece.length > GATHER_BYTES)) {
      yield Buffer.concat(held)
      held = []
      bytes = 0
    }
    if (large) yield piece
    else {
      held.push(piece)
      bytes += piece.length
    }
  }
  if (bytes > 0) yield Buffer.concat(held)
}

/** What the headers before a member said about it. */
type Extensions = { path?: Uint8Array; size?: number; sparse?: boolean }

/**
 * The entries of a tar archive (v7, ustar, pax, GNU), in its order. The content of an entry is read
 * before the next entry is asked for, or skipped. Throws UNSUPPORTED_ENTRY naming a link, a device, an
 * absolute path and the like; INVALID_INPUT for what is not a tar archive; UPLOAD_INCOMPLETE for one
 * that ends before its end marker.
 */
export async function* unpackTar(
  bytes: AsyncIterable<Uint8Array>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<FolderEntry, void, void> {
  const reader = new ByteReader(abortable(bytes, options.signal))
  let entries = 0
  try {
    for await (const { header, extensions } of members(reader)) {
      const { kind, path, size } = entryOf(header, extensions)
      if (path === '') continue
      entries += 1
      if (entries > limits.maxFolderEntries) throw tooMany()
      if (kind === 'directory') yield { kind, path }
      else yield* fileEntry(reader, path, size)
    }
  } finally {
    await reader.close()
  }
}

function tooMany(): PrsmError {
  return new PrsmError(
    'UPLOAD_TOO_LARGE',
    `the folder has more than ${limits.maxFolderEntries} entries`,
    { details: { maxEntries: limits.maxFolderEntries } },
  )
}

async function* fileEntry(
  reader: ByteReader,
  path: string,
  size: number,
): AsyncGenerator<FolderEntry, void, void> {
  let left = size
  async function* content(): AsyncGenerator<Uint8Array> {
    while (left > 0) {
      const piece = await reader.some(left)
      if (piece === undefined) throw cut(path)
      left -= piece.length
      yield piece
    }
  }
  yield { kind: 'file', path, size, content: content() }
  await skip(reader, left + padding(size))
  left = 0
}

function cut(path?: string): PrsmError {
  const where = path === undefined ? '' : ` in ${path}`
  return new PrsmError('UPLOAD_INCOMPLETE', `the tar archive ends before its end marker${where}`, {
    hint: 'it was cut off on its way: make it and send it again',
  })
}

async function skip(reader: ByteReader, length: number): Promise<void> {
  let left = length
  while (left > 0) {
    const piece = await reader.some(left)
    if (piece === undefined) throw cut()
    left -= piece.length
  }
}

type Member = { readonly header: TarHeader; readonly extensions: Extensions }

/** The members, each with what pax and GNU headers said about it, up to the end marker. */
async function* members(reader: ByteReader): AsyncGenerator<Member> {
  let extensions: Extensions = {}
  while (true) {
    const block = await reader.upTo(BLOCK)
    if (block.length < BLOCK) throw cut()
    if (isZeroBlock(block)) return await onlyZerosLeft(reader)
    const header = decodeHeader(block)
    if (!'xgLK'.includes(header.type)) {
      yield { header, extensions }
      extensions = {}
    } else extensions = { ...extensions, ...(await readExtension(reader, header)) }
  }
}

/** The record a tar program fills up with zeros. Anything else is a second archive, never silently dropped. */
async function onlyZerosLeft(reader: ByteReader): Promise<void> {
  for (;;) {
    const piece = await reader.some(Number.POSITIVE_INFINITY)
    if (piece === undefined) return
    if (!isZeroBlock(piece)) throw invalidTar('bytes follow its end marker', 'send one archive')
  }
}

async function readExtension(reader: ByteReader, header: TarHeader): Promise<Extensions> {
  if (header.size > MAX_EXTENSION_BYTES) {
    throw invalidTar(`a name or pax header has ${header.size} bytes`)
  }
  const body = await reader.upTo(header.size)
  if (body.length < header.size) throw cut()
  await skip(reader, padding(header.size))
  if (header.type === 'K') return {}
  if (header.type === 'L') return { path: untilNul(body) }
  return paxExtensions(body, header.type === 'g')
}

function paxExtensions(body: Uint8Array, global: boolean): Extensions {
  const records = decodePax(body)
  const path = records.get('path')
  const size = records.get('size')
  if (global && (path || size)) throw invalidTar('a global pax header sets a path or size')
  return {
    ...(path === undefined ? {} : { path }),
    ...(size === undefined ? {} : { size: decodePaxSize(size) }),
    ...([...records.keys()].some((key) => key.startsWith('GNU.sparse.')) ? { sparse: true } : {}),
  }
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

const refused: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  '1': ['a hard link', 'tar --hard-dereference stores the content instead'],
  '2': ['a symbolic link', 'tar --dereference (-h) stores what it points to'],
  '3': ['a character device', 'leave it out (tar --exclude)'],
  '4': ['a block device', 'leave it out (tar --exclude)'],
  '6': ['a named pipe', 'leave it out (tar --exclude)'],
  S: ['a sparse file', 'make the archive without --sparse'],
}

/** What a member is: a directory or a file, by its type flag or, in old archives, by a last slash. */
function entryOf(header: TarHeader, extensions: Extensions) {
  const name = decodeName(extensions.path ?? header.rawName)
  const type = extensions.sparse ? 'S' : header.type
  if (!'057'.includes(type)) throw refusal(name, type)
  const kind = type === '5' || name.endsWith('/') ? 'directory' : 'file'
  const path = tarEntryPath(name)
  const size = extensions.size ?? header.size
  if (kind === 'directory' && size > 0) throw invalidTar(`the folder ${name} has content`)
  if (kind === 'file' && path === '') throw invalidTar('a file has no name')
  return { kind, path, size } as const
}

function refusal(name: string, type: string): PrsmError {
  const [what, hint] = refused[type] ?? [
    `of type ${JSON.stringify(type)}`,
    'a folder has files and folders only',
  ]
  return new PrsmError('UNSUPPORTED_ENTRY', `the entry ${JSON.stringify(name)} is ${what}`, {
    hint,
    details: { path: name, type },
  })
}
