import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base32upper } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { type BlockStore, openBlockStore } from '../../src/blocks/block-store.ts'
import { openBlockIndex } from '../../src/blocks/open-index.ts'
import { RAW } from '../../src/core/cid.ts'
import type { FilePort } from '../../src/core/file-port.ts'
import type { Database } from '../../src/db/database.ts'
import { startDatabaseWorker } from '../../src/db/worker.ts'
import { createFilePort } from '../../src/files/file-port.ts'
import type { Metrics } from '../../src/telemetry/metrics.ts'

export type OpenStore = AsyncDisposable & {
  readonly store: BlockStore
  readonly db: Database
  readonly files: FilePort
}

export type StoreInit = {
  /** Null: in memory. */
  readonly folder: string | null
  readonly files?: FilePort
  readonly inlineBytes?: number
  readonly openFiles?: number
  readonly keyFilter?: { readonly misses?: number; readonly keys?: number }
  readonly metrics?: Metrics
  readonly onStored?: (cid: CID) => void
}

/** A block store as a node has it, without the node. */
export async function openStore({ folder, ...init }: StoreInit): Promise<OpenStore> {
  const files = init.files ?? createFilePort()
  await using stack = new AsyncDisposableStack()
  const worker = folder === null ? null : stack.use(startDatabaseWorker())
  const db = stack.use(
    await openBlockIndex({
      path: folder === null ? null : join(folder, 'blocks.db'),
      files,
      worker,
    }),
  )
  stack.defer(() => checkReferences(db))
  const path = folder === null ? null : join(folder, 'blocks')
  const store = stack.use(await openBlockStore({ ...init, db, path, files, writers: 4 }))
  const open = stack.move()
  return { store, db, files, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** No write looks for rows that refer to one that is gone: the tests do. */
function checkReferences({ reader }: Database): void {
  const [lost] = reader.pragma('foreign_key_check') as readonly unknown[]
  if (lost !== undefined) throw new Error(`a reference is lost: ${JSON.stringify(lost)}`)
}

/** A folder of its own for a test; removed at the end of the scope. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'prsm-test-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** The raw CID of some bytes. */
export function rawCid(bytes: Uint8Array): CID {
  const digest = createHash('sha256').update(bytes).digest()
  return CID.createV1(RAW, Digest.create(0x12, digest))
}

/** The name of the file that holds these bytes. */
export function blockFileName(bytes: Uint8Array): string {
  return `${base32upper.encode(rawCid(bytes).multihash.bytes)}.data`
}

/** Paths of all block files. */
export async function blockFiles(folder: string): Promise<string[]> {
  const entries = await readdir(join(folder, 'blocks'), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
}

/** Puts blocks under a lease of their own; they are durable afterwards. */
export async function stored({ store }: OpenStore, ...blocks: Uint8Array[]): Promise<CID[]> {
  await using lease = store.lease()
  for (const block of blocks) await lease.put(rawCid(block), block)
  await lease.sync()
  return blocks.map(rawCid)
}
