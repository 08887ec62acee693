import { type BigIntStats, lstat, stat } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { FolderEntry } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { throwIfCancelled } from '../core/signal.ts'
import { result } from './callbacks.ts'
import { entryNames } from './entry-path.ts'
import { fileError } from './file-error.ts'
import { type LocalRegularFile, readFilePieces } from './read-file.ts'
import { readSmallFile } from './read-small.ts'

export type LocalFile = {
  readonly kind: 'file'
  readonly name: string
  readonly bytes: number
  readonly content: AsyncIterable<Uint8Array>
}

export type LocalFolder = {
  readonly kind: 'directory'
  readonly name: string
  /** Files and folders below it. */
  readonly entryCount: number
  /** Bytes of all files below it. */
  readonly bytesTotal: number
  readonly entries: AsyncIterable<FolderEntry>
}

export type LocalContent = LocalFile | LocalFolder

export type OpenLocalOptions = {
  /** Follow symbolic links and take what they point to. Without it a link is refused. */
  readonly dereference?: boolean
  readonly signal?: AbortSignal
  /** Gives buffers of 1 MiB for the pieces of large files; who passes this knows when one is free again. */
  readonly allocatePiece?: () => Uint8Array
}

/** `lstat` calls under way at once in one folder. */
const STATS_AT_ONCE = 32

type Reading = Pick<LocalRegularFile, 'dereference' | 'allocatePiece'>

/** Files up to this size are read with those beside them: the way to the disk and back takes longer than they do. */
const SMALL_BYTES = 64 * 1024
/** Bytes of these that may be read ahead, wherever the walk is. */
const AHEAD_BYTES = 2 * 1024 * 1024

type Walk = Reading & {
  readonly root: string
  readonly signal?: AbortSignal
  /** Of a walk that reads: bytes that were read ahead. */
  readonly ahead?: { bytes: number }
}

/**
 * A thing met on the way. `path` as in a `FolderEntry`, `place` as the file system knows it. `read`: its
 * content, which is on its way.
 */
type Met = {
  readonly path: string
  readonly place: string
  readonly stats: BigIntStats
  readonly read?: Promise<Uint8Array> | undefined
}

/** Folders from the root down to where the walk is, by device and inode. */
type Trail = readonly string[]

/**
 * What is at `path`: a file, or a folder with all in it, hidden files too, in the order of the bytes of
 * the names in each folder. A folder is looked through once at the start, so that what cannot be stored
 * is known before the first byte is sent. Nothing stays open before the content is iterated.
 *
 * Throws FILE_NOT_FOUND, FILE_UNREADABLE, UNSUPPORTED_ENTRY (links, sockets, pipes, devices, names that
 * are not UTF-8), UPLOAD_TOO_LARGE (more entries than `limits.maxFolderEntries`), each naming the path.
 */
export async function openLocal(
  path: string,
  options: OpenLocalOptions = {},
): Promise<LocalContent> {
  const { dereference = false, signal, allocatePiece } = options
  const reading: Reading = { dereference, ...(allocatePiece && { allocatePiece }) }
  const root = resolve(path)
  const name = basename(root) || 'root'
  const stats = await statOf(root, dereference)
  if (stats.isFile()) return localFile({ ...reading, path: root, bytes: Number(stats.size) })
  const walk = { root, ...reading, ...(signal === undefined ? {} : { signal }) }
  const { entryCount, bytesTotal } = await measure(walk, stats)
  const entries = {
    [Symbol.asyncIterator]: () => folderEntries({ ...walk, ahead: { bytes: 0 } }, stats),
  }
  return { kind: 'directory', name, entryCount, bytesTotal, entries }
}

/** Opens one file, through symbolic links. Throws NOT_A_FILE for a folder, and as `openLocal` does. */
export async function openLocalFile(path: string): Promise<LocalFile> {
  const root = resolve(path)
  const stats = await statOf(root, true)
  if (stats.isFile()) {
    return localFile({ dereference: true, path: root, bytes: Number(stats.size) })
  }
  throw new PrsmError('NOT_A_FILE', `${root} is not a file`, { hint: 'name one file' })
}

function localFile(file: LocalRegularFile): LocalFile {
  const content = { [Symbol.asyncIterator]: () => readFilePieces(file) }
  return { kind: 'file', name: basename(file.path), bytes: file.bytes, content }
}

async function measure(walk: Walk, root: BigIntStats) {
  let entryCount = 0
  let bytesTotal = 0
  for await (const { stats } of below(walk, { path: '', place: walk.root, stats: root }, [])) {
    entryCount += 1
    if (entryCount > limits.maxFolderEntries) throw tooMany(walk.root)
    if (stats.isFile()) bytesTotal += Number(stats.size)
  }
  return { entryCount, bytesTotal }
}

function tooMany(root: string): PrsmError {
  return new PrsmError(
    'UPLOAD_TOO_LARGE',
    `${root} has more than ${limits.maxFolderEntries} files and folders`,
    { details: { maxEntries: limits.maxFolderEntries }, hint: 'add its folders one by one' },
  )
}

async function* folderEntries(walk: Walk, root: BigIntStats): AsyncGenerator<FolderEntry> {
  const top = { path: '', place: walk.root, stats: root }
  for await (const { path, place, stats, read } of below(walk, top, [])) {
    if (stats.isDirectory()) {
      yield { kind: 'directory', path }
      continue
    }
    const bytes = Number(stats.size)
    const file = { ...walk, path: place, bytes }
    const content = {
      [Symbol.asyncIterator]: () => (read === undefined ? readFilePieces(file) : taken(walk, read)),
    }
    yield { kind: 'file', path, size: bytes, content }
  }
}

/** What was read ahead, which makes room for more. */
async function* taken({ ahead }: Walk, read: Promise<Uint8Array>): AsyncGenerator<Uint8Array> {
  const bytes = await read
  if (ahead !== undefined) ahead.bytes -= bytes.byteLength
  if (bytes.byteLength > 0) yield bytes
}

/** All that is below `folder`, a folder before what is in it. */
async function* below(walk: Walk, folder: Met, trail: Trail): AsyncGenerator<Met> {
  const here = `${folder.stats.dev}:${folder.stats.ino}`
  if (trail.includes(here)) {
    throw unsupported(folder.place, 'leads back into itself by a symbolic link')
  }
  for await (const met of children(walk, folder)) {
    yield met
    if (met.stats.isDirectory()) yield* below(walk, met, [...trail, here])
  }
}

async function* children(walk: Walk, folder: Met): AsyncGenerator<Met> {
  const names = await namesIn(folder.place)
  for (let at = 0; at < names.length; at += STATS_AT_ONCE) {
    throwIfCancelled(walk.signal)
    const some = names.slice(at, at + STATS_AT_ONCE)
    yield* await Promise.all(some.map((name) => meet(walk, folder, name)))
  }
}

async function meet(walk: Walk, folder: Met, name: string): Promise<Met> {
  const path = folder.path === '' ? name : `${folder.path}/${name}`
  entryNames(path)
  const place = join(folder.place, name)
  const stats = await statOf(place, walk.dereference)
  return { path, place, stats, read: stats.isFile() ? readAhead(walk, place, stats) : undefined }
}

/** Begins to read a small file, where there is room for it. A failure is told to who takes the content. */
function readAhead(
  { ahead, dereference }: Walk,
  path: string,
  { size }: BigIntStats,
): Promise<Uint8Array> | undefined {
  const bytes = Number(size)
  if (ahead === undefined || bytes > SMALL_BYTES || ahead.bytes + bytes > AHEAD_BYTES) return
  ahead.bytes += bytes
  const read = readSmallFile({ path, bytes, dereference })
  read.catch(() => {})
  return read
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { encoding: 'buffer' }).catch((error: unknown) => {
    throw fileError(error, folder, 'read')
  })
  return names.sort(Buffer.compare).map((name) => decoded(folder, name))
}

function decoded(folder: string, name: Buffer): string {
  const text = name.toString('utf8')
  if (Buffer.from(text).equals(name)) return text
  const shown = JSON.stringify(name.toString('latin1'))
  throw unsupported(`${folder}/${shown}`, 'has a name that is not valid UTF-8', 'rename it')
}

async function statOf(place: string, dereference: boolean): Promise<BigIntStats> {
  const look = dereference ? stat : lstat
  const looking = result<BigIntStats>((back) => look(place, { bigint: true }, back))
  const stats = await looking.catch((error: unknown) => {
    throw fileError(error, place, 'read')
  })
  if (stats.isFile() || stats.isDirectory()) return stats
  if (stats.isSymbolicLink()) {
    throw unsupported(
      place,
      'is a symbolic link',
      'store what links point to with --dereference (in the library `dereference: true`)',
    )
  }
  throw unsupported(place, `is ${kindOf(stats)}`)
}

function kindOf(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a named pipe'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}

function unsupported(
  place: string,
  what: string,
  hint = 'files and folders can be stored; leave this out',
): PrsmError {
  return new PrsmError('UNSUPPORTED_ENTRY', `${place} ${what}`, { hint, details: { path: place } })
}
