import { fileURLToPath } from 'node:url'
import type { FolderEntry } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import type { ByteSource, CarSource, UploadSource } from '../core/storage.ts'
import { type OpenLocalOptions, openLocal, openLocalFile } from './walk.ts'

/** An upload's content, whatever it was given as. `bytesTotal` only where it is known beforehand. */
export type Content =
  | {
      readonly kind: 'file'
      readonly name: string
      readonly bytesTotal?: number
      /** The pieces are not written to once they are given: they need no copy. */
      readonly handedOver?: boolean
      readonly content: AsyncIterable<Uint8Array>
    }
  | {
      readonly kind: 'directory'
      readonly name: string
      readonly bytesTotal?: number
      readonly handedOver?: boolean
      readonly entries: AsyncIterable<FolderEntry>
    }

type FileContent = Extract<Content, { readonly kind: 'file' }>

const UNNAMED = 'content'

/** Turns any source into content. Throws FILE_NOT_FOUND and the like for a path, INVALID_INPUT else. */
export async function openSource(
  source: UploadSource,
  options: Pick<OpenLocalOptions, 'signal' | 'allocatePiece'> = {},
): Promise<Content> {
  if (source instanceof URL) return await openPath(pathOf(source), options)
  if (isPath(source)) {
    return await openPath(source.path, { ...options, dereference: source.dereference ?? false })
  }
  if (isEntries(source)) return { kind: 'directory', name: UNNAMED, entries: source.entries }
  const bytesTotal = byteLengthOf(source)
  const content = { kind: 'file', name: UNNAMED, content: bytesOf(source) } as const
  return bytesTotal === undefined ? content : { ...content, bytesTotal }
}

async function openPath(path: string, options: OpenLocalOptions): Promise<Content> {
  const local = await openLocal(path, options)
  if (local.kind === 'directory') return { ...local, handedOver: true }
  const { name, bytes, content } = local
  return { kind: 'file', name, bytesTotal: bytes, handedOver: true, content }
}

/** Opens what has to be one file: a path is followed through links. Throws NOT_A_FILE and what `openSource` does. */
export async function openFileSource(source: CarSource): Promise<FileContent> {
  if (source instanceof URL) return await openFilePath(pathOf(source))
  if (isPath(source)) return await openFilePath(source.path)
  const content = await openSource(source)
  if (content.kind === 'file') return content
  throw new PrsmError('NOT_A_FILE', 'the entries of a folder are not one file')
}

async function openFilePath(path: string): Promise<FileContent> {
  const { name, bytes, content } = await openLocalFile(path)
  return { kind: 'file', name, bytesTotal: bytes, handedOver: true, content }
}

function pathOf(url: URL): string {
  if (url.protocol === 'file:') return fileURLToPath(url)
  throw new PrsmError('INVALID_INPUT', `cannot upload from ${url.protocol}`, {
    hint: 'give a file: URL, or fetch the content and give its bytes',
  })
}

/** A file stream of Node has a `path` too, and is bytes all the same. */
function isPath(source: UploadSource): source is Extract<UploadSource, { readonly path: string }> {
  if (typeof source !== 'object' || source === null || isStream(source)) return false
  return 'path' in source && typeof source.path === 'string'
}

function isEntries(
  source: UploadSource,
): source is Extract<UploadSource, { readonly entries: AsyncIterable<FolderEntry> }> {
  if (typeof source !== 'object' || source === null || isStream(source)) return false
  return 'entries' in source && Symbol.asyncIterator in Object(source.entries)
}

function isStream(source: object): boolean {
  return Symbol.asyncIterator in source || Symbol.iterator in source
}

function byteLengthOf(source: ByteSource): number | undefined {
  if (typeof source === 'string') return Buffer.byteLength(source)
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) return source.byteLength
  return source instanceof Blob ? source.size : undefined
}

function bytesOf(source: ByteSource): AsyncIterable<Uint8Array> {
  if (typeof source === 'string') return checked([source])
  if (source instanceof Uint8Array) return checked([source])
  if (source instanceof ArrayBuffer) return checked([new Uint8Array(source)])
  if (source instanceof Blob) return checked(source.stream())
  if (typeof source === 'object' && source !== null && isStream(source)) return checked(source)
  throw new PrsmError('INVALID_INPUT', `cannot upload ${describe(source)}`, {
    hint: 'give text, bytes, a Blob, a stream, an (async) iterable of bytes, { path } or a file: URL',
  })
}

/** Pieces as bytes: a stream in object mode, or one of numbers, is not content. */
async function* checked(
  pieces: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece
    else if (typeof piece === 'string') yield utf8(piece)
    else {
      throw new PrsmError('INVALID_INPUT', `the stream gave ${describe(piece)}, not bytes`, {
        hint: 'streams of Uint8Array, Buffer or string can be uploaded',
      })
    }
  }
}

/** Half a surrogate pair has no UTF-8: a stream cut through a character, or text that is none. */
function utf8(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text)
  throw new PrsmError('INVALID_INPUT', 'the text has half a character in it (a lone surrogate)', {
    hint: 'cut text between characters, or give bytes',
  })
}

function describe(value: unknown): string {
  return value === null ? 'null' : `a value of type ${typeof value}`
}
