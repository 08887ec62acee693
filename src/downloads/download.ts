import type { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { metered, ProgressMeter } from '../core/progress-meter.ts'
import type { ContentId, Download, DownloadOptions } from '../core/storage.ts'
import { BlockBuffers } from '../unixfs/block-buffers.ts'
import { contentBytes } from '../unixfs/dag-source.ts'
import { checkRange } from '../unixfs/raw-range.ts'
import { loadFile, readFile, readLoaded } from '../unixfs/read.ts'
import { type ContentParts, dagOptions, resolveContent } from './open-content.ts'

type LoadedFile = Awaited<ReturnType<typeof loadFile>>

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

async function* chunks(
  parts: ContentParts,
  content: ContentId,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array> {
  const cid = await resolveContent(parts, content, options)
  if (options.onProgress === undefined) {
    yield* readFile(parts.blocks, cid, readOptions(parts, options))
  } else {
    yield* loadedChunks(
      parts,
      await loadFile(parts.blocks, cid, readOptions(parts, options)),
      options,
    )
  }
}

/** The chunks of a file whose root is loaded: its size is known, and told. */
async function* loadedChunks(
  parts: ContentParts,
  root: LoadedFile,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array> {
  const meter = new ProgressMeter(options.onProgress, wantedBytes(root, options))
  yield* metered(readLoaded(parts.blocks, root, readOptions(parts, options)), meter)
  meter.finish()
}

function wantedBytes(
  root: LoadedFile,
  { offset = 0, length = Number.POSITIVE_INFINITY }: DownloadOptions,
): number {
  return Math.max(0, Math.min(length, contentBytes(root) - offset))
}

async function collect(
  parts: ContentParts,
  content: ContentId,
  options: DownloadOptions & { readonly maxBytes: number },
): Promise<Uint8Array> {
  checkRange(options)
  const cid = await resolveContent(parts, content, options)
  const root = await loadFile(parts.blocks, cid, readOptions(parts, options))
  const bytes = wantedBytes(root, options)
  checkCollected(cid, bytes, options.maxBytes)
  const all = Buffer.allocUnsafeSlow(bytes)
  let filled = 0
  for await (const chunk of loadedChunks(parts, root, { ...options, reuseBuffers: true })) {
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

function readOptions(parts: ContentParts, options: DownloadOptions) {
  const { offset, length, signal, reuseBuffers } = options
  return {
    ...dagOptions(parts, signal === undefined ? {} : { signal }),
    ...(offset !== undefined && { offset }),
    ...(length !== undefined && { length }),
    ...(reuseBuffers === true && { buffers: new BlockBuffers() }),
  }
}
