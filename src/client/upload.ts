import { OCTETS, TAR, uploadResult } from '../api/schemas.ts'
import { abortable } from '../core/abortable.ts'
import type { FolderEntry, UploadResult } from '../core/content.ts'
import { ProgressMeter } from '../core/progress-meter.ts'
import type { UploadOptions, UploadSource } from '../core/storage.ts'
import { fromSource } from '../files/from-source.ts'
import { type Content, openSource } from '../files/source.ts'
import { packTar } from '../files/tar.ts'
import type { Api } from './api.ts'

/** Sends content to the daemon: a file as it is, a folder as a tar archive. */
export async function upload(
  api: Api,
  source: UploadSource,
  options: UploadOptions = {},
): Promise<UploadResult> {
  const { signal, onProgress } = options
  const content = await openSource(source, signal === undefined ? {} : { signal })
  const bytesTotal = content.bytesTotal ?? options.bytesTotal
  const meter = new ProgressMeter(onProgress, bytesTotal)
  // The daemon may answer before it has all: then nobody asks the source for the rest.
  const answered = new AbortController()
  try {
    const result = await api.json(uploadResult, {
      method: 'POST',
      path: '/upload',
      query: queryOf(content, options),
      headers: headersOf(content, bytesTotal),
      body: abortable(bodyOf(content, meter), answered.signal),
      signal,
      inLine: true,
    })
    meter.finish()
    return result
  } finally {
    answered.abort()
  }
}

function queryOf(content: Content, options: UploadOptions): Record<string, string> {
  const { contentType, expectedSha256, pin } = options
  return {
    filename: options.filename ?? content.name,
    ...(contentType === undefined ? {} : { contentType }),
    ...(expectedSha256 === undefined ? {} : { expectedSha256 }),
    ...(pin === undefined ? {} : { pin: String(pin) }),
  }
}

function headersOf(content: Content, bytesTotal: number | undefined): Record<string, string> {
  if (content.kind === 'directory') return { 'content-type': TAR }
  return { 'content-type': OCTETS, ...lengthHeader(bytesTotal) }
}

/** What announces the bytes of a body, where they are known. */
export function lengthHeader(bytesTotal: number | undefined): Record<string, string> {
  return bytesTotal === undefined ? {} : { 'content-length': String(bytesTotal) }
}

function bodyOf(content: Content, meter: ProgressMeter): AsyncIterable<Uint8Array> {
  if (content.kind === 'file') return counted(content.content, meter)
  return packTar(countedEntries(content.entries, meter))
}

/** The pieces of a source. One counts when the next is asked for: then it is with the socket. */
export async function* counted(
  content: AsyncIterable<Uint8Array>,
  meter: ProgressMeter,
): AsyncGenerator<Uint8Array> {
  for await (const piece of fromSource(content)) {
    yield piece
    meter.add(piece.length)
  }
}

async function* countedEntries(
  entries: AsyncIterable<FolderEntry>,
  meter: ProgressMeter,
): AsyncGenerator<FolderEntry> {
  for await (const entry of fromSource(entries)) {
    yield entry.kind === 'file' ? { ...entry, content: counted(entry.content, meter) } : entry
  }
}
