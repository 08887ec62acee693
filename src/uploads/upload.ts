import type { CID } from 'multiformats/cid'
import type { BlockStore } from '../blocks/block-store.ts'
import type { Lease } from '../blocks/lease.ts'
import type { Caller } from '../core/caller.ts'
import type { UploadResult } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import { ProgressMeter } from '../core/progress-meter.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { UploadOptions, UploadSource } from '../core/storage.ts'
import type { Book } from '../db/book.ts'
import { type Content, openSource } from '../files/source.ts'
import { ChunkPool, type FreeChunks } from '../unixfs/chunk-pool.ts'
import { importFile, importFolder } from '../unixfs/import.ts'
import { UNIXFS_PROFILE } from '../unixfs/profile.ts'
import { commitUpload } from './commit.ts'
import { FileReader, type FileReaderInit } from './file-reader.ts'
import { FolderReader } from './folder-reader.ts'
import type { Hasher } from './hasher.ts'
import { checkContentType, checkFilename, checkSha256 } from './names.ts'

export type UploadParts = {
  readonly blocks: BlockStore
  readonly book: Book
  /** Bytes of one file; 0 = no limit but the disk. */
  readonly maxFileBytes: number
  readonly hasher: Hasher
  /** Of all uploads of the node. */
  readonly freeChunks: FreeChunks
}

export type UploadRequest = { readonly source: UploadSource; readonly options: UploadOptions }

/**
 * THE upload: bytes become a DAG of durable blocks, then one write names it. A crash or an abort
 * before that write leaves blocks that wait to be collected, after it a finished upload.
 */
export async function upload(
  parts: UploadParts,
  request: UploadRequest,
  caller: Caller,
): Promise<UploadResult> {
  const { signal, onProgress, expectedSha256, pin = true } = request.options
  throwIfCancelled(signal)
  const expected = expectedSha256 === undefined ? undefined : checkSha256(expectedSha256)
  // Disposed last: when the lease has ended, nothing is written any more.
  using pool = new ChunkPool(parts.freeChunks)
  const opening = { allocatePiece: pool.take, ...(signal && { signal }) }
  const content = announced(await openSource(request.source, opening), request.options)
  const names = nameOf(content, request.options)
  const meter = new ProgressMeter(onProgress, content.bytesTotal)
  const { maxFileBytes, hasher } = parts
  await using lease = parts.blocks.lease()
  const reading = { meter, signal: untilRefused(lease, signal), maxFileBytes, pool, hasher }
  const stored = await store(lease, content, reading)
  checkExpected(stored.sha256, expected)
  await lease.sync()
  // The listener hears of the end before the upload has its name: one that throws leaves none.
  meter.finish()
  throwIfCancelled(signal)
  const { cid, bytes, sha256 } = stored
  const facts = { cid: cid.toString(), bytes, sha256, ...names }
  const row = { ...facts, kind: content.kind, profile: UNIXFS_PROFILE }
  const committed = await commitUpload(parts.book, row, { pin, caller })
  const { newBytes, reusedBytes } = lease
  return { ...facts, ...committed, newBytes, reusedBytes, durationMs: meter.elapsedMs }
}

/** What is announced has its room from the beginning. */
async function declare(lease: Lease, { bytesTotal }: Content): Promise<void> {
  if (bytesTotal !== undefined) await lease.declare(bytesTotal)
}

/** Aborts, too, when the upload has to give its room to an older one. */
function untilRefused(lease: Lease, signal: AbortSignal | undefined): AbortSignal {
  const refused = new AbortController()
  lease.onRefusal((error) => refused.abort(error))
  return signal === undefined ? refused.signal : AbortSignal.any([refused.signal, signal])
}

type Stored = { readonly cid: CID; readonly bytes: number; readonly sha256: string }

async function store(lease: Lease, content: Content, reading: FileReaderInit): Promise<Stored> {
  const blocks = {
    put: (cid: CID, bytes: Uint8Array) =>
      lease.put(cid, bytes, { hashed: true, released: () => reading.pool.release(bytes) }),
  }
  const options = reading.signal === undefined ? {} : { signal: reading.signal }
  if (content.kind === 'file') {
    using reader = new FileReader(content, reading)
    await declare(lease, content)
    const { cid, bytes } = await importFile(blocks, reader, { ...options, handedOver: true })
    return { cid, bytes, sha256: await reader.sha256(cid) }
  }
  const reader = new FolderReader(content, reading)
  await declare(lease, content)
  const { cid, bytes } = await importFolder(blocks, reader, { ...options, handedOver: true })
  return { cid, bytes, sha256: reader.sha256() }
}

/** The content with the size its caller announces, where it does not tell one itself. Throws INVALID_INPUT. */
function announced(content: Content, { bytesTotal }: UploadOptions): Content {
  if (bytesTotal === undefined) return content
  if (Number.isSafeInteger(bytesTotal) && bytesTotal >= 0) return { bytesTotal, ...content }
  throw new PrsmError('INVALID_INPUT', `bytesTotal ${bytesTotal} is no count of bytes`)
}

function nameOf(content: Content, options: UploadOptions) {
  const folder = content.kind === 'directory'
  const type = folder ? 'application/x-directory' : 'application/octet-stream'
  return {
    filename: checkFilename(options.filename ?? content.name),
    contentType: checkContentType(options.contentType ?? type),
  }
}

function checkExpected(sha256: string, expected: string | undefined): void {
  if (expected === undefined || expected === sha256) return
  throw new PrsmError('SHA256_MISMATCH', `the content has the SHA-256 ${sha256}`, {
    hint: `expected was ${expected}: what was sent is not what you meant to send`,
    details: { sha256, expected },
  })
}
