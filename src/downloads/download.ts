import type { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { ProgressMeter } from '../core/progress-meter.ts'
import type { ContentId, Download, DownloadOptions } from '../core/storage.ts'
import { BlockBuffers } from '../unixfs/block-buffers.ts'
import { checkRange } from '../unixfs/raw-range.ts'
import { fileSize, readFile } from '../unixfs/read.ts'
import { type ContentParts, dagOptions, resolveContent } from './open-content.ts'

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
  const meter = new ProgressMeter(options.onProgress, await announcedBytes(parts, cid, options))
  for await (const chunk of readFile(parts.blocks, cid, readOptions(parts, options))) {
    meter.add(chunk.byteLength)
    yield chunk
  }
  meter.finish()
}

/** The bytes to come; looked up only for somebody who wants to know. */
async function announcedBytes(
  parts: ContentParts,
  cid: CID,
  options: DownloadOptions,
): Promise<number | undefined> {
  return options.onProgress === undefined ? undefined : wantedBytes(parts, cid, options)
}

async function wantedBytes(
  parts: ContentParts,
  cid: CID,
  { offset = 0, length = Number.POSITIVE_INFINITY, signal }: DownloadOptions,
): Promise<number> {
  const size = await fileSize(parts.blocks, cid, dagOptions(parts, signal ? { signal } : {}))
  return Math.max(0, Math.min(length, size - offset))
}

async function collect(
  parts: ContentParts,
  content: ContentId,
  options: DownloadOptions & { readonly maxBytes: number },
): Promise<Uint8Array> {
  checkRange(options)
  const cid = await resolveContent(parts, content, options)
  const bytes = await wantedBytes(parts, cid, options)
  checkCollected(cid, bytes, options.maxBytes)
  const all = Buffer.allocUnsafeSlow(bytes)
  let filled = 0
  for await (const chunk of chunks(parts, cid, { ...options, reuseBuffers: true })) {
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
