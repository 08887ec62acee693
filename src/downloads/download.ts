import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { metered, ProgressMeter } from '../core/progress-meter.ts'
import type { ContentId, Download, DownloadOptions } from '../core/storage.ts'
import { newMemory } from '../unixfs/block-buffers.ts'
import { checkRange } from '../unixfs/raw-range.ts'
import {
  type Opened,
  type OpenFile,
  openFile,
  type ReadOptions,
  readLoaded,
  readOpened,
} from '../unixfs/read.ts'
import { type ContentParts, dagOptions, openSession, resolveContent } from './open-content.ts'

/**
 * THE download: a CID with a path becomes verified bytes, as fast as they are taken. Nothing is read
 * before the first byte is asked for; stopping stops it within one block.
 */
export function download(
  parts: ContentParts,
  content: ContentId,
  options: DownloadOptions,
): Download {
  return {
    [Symbol.asyncIterator]: () => chunks(parts, content, options),
    bytes: async ({ maxBytes = limits.collectBytes } = {}) =>
      collect(parts, content, { ...options, maxBytes }),
  }
}

function chunks(
  parts: ContentParts,
  content: ContentId,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array> {
  if (options.onProgress !== undefined) return reported(parts, content, options)
  return readOpened(
    (signal) => openContent(parts, content, { ...options, signal }),
    readOptions(parts, options),
  )
}

type OpenContent = Opened & AsyncDisposable & { readonly file: OpenFile }

/** The file a content names, and a session of its own to read it by. */
async function openContent(
  parts: ContentParts,
  content: ContentId,
  options: DownloadOptions,
): Promise<OpenContent> {
  const source = openSession(parts, content, options)
  try {
    const dag = dagOptions(parts, options)
    const cid = await resolveContent(source, content, dag)
    const file = await openFile(source, cid, dag)
    return { source, file, [Symbol.asyncDispose]: () => source[Symbol.asyncDispose]() }
  } catch (error) {
    await source[Symbol.asyncDispose]()
    throw error
  }
}

/** As `chunks`, and the listener is told. */
async function* reported(
  parts: ContentParts,
  content: ContentId,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array> {
  await using opened = await openContent(parts, content, options)
  const { source, file } = opened
  yield* metering(source, file, { ...readOptions(parts, options), ...options })
}

/** The chunks of a file whose size is known: it is told. */
async function* metering(
  blocks: BlockSource,
  file: OpenFile,
  options: ReadOptions & Pick<DownloadOptions, 'onProgress'>,
): AsyncGenerator<Uint8Array> {
  const meter = new ProgressMeter(options.onProgress, wantedBytes(file, options))
  yield* metered(readLoaded(blocks, file, options), meter)
  meter.finish()
}

function wantedBytes(
  { bytes }: OpenFile,
  { offset = 0, length = Number.POSITIVE_INFINITY }: ReadOptions,
): number {
  return Math.max(0, Math.min(length, bytes - offset))
}

async function collect(
  parts: ContentParts,
  content: ContentId,
  options: DownloadOptions & { readonly maxBytes: number },
): Promise<Uint8Array> {
  checkRange(options)
  await using opened = await openContent(parts, content, options)
  const { source, file } = opened
  const read = readOptions(parts, { ...options, reuseBuffers: true })
  const bytes = wantedBytes(file, options)
  checkCollected(file.cid, bytes, options.maxBytes)
  const all = Buffer.allocUnsafeSlow(bytes)
  let filled = 0
  for await (const chunk of metering(source, file, { ...read, ...options })) {
    all.set(chunk, filled)
    filled += chunk.byteLength
  }
  return all
}

function checkCollected(cid: CID, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return
  throw new PrsmError('INVALID_INPUT', `${cid} has ${bytes} bytes, more than ${maxBytes}`, {
    hint: 'iterate the download, or name a larger maxBytes',
    details: { bytes, maxBytes },
  })
}

/** Chunks are the caller's own: in memory of theirs, or in buffers that go round. */
function readOptions(parts: ContentParts, options: DownloadOptions): ReadOptions {
  const { offset, length, reuseBuffers = false } = options
  return {
    ...dagOptions(parts, options),
    buffers: reuseBuffers ? parts.buffers : newMemory,
    ...(offset !== undefined && { offset }),
    ...(length !== undefined && { length }),
  }
}
