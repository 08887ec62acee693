import { randomFillSync } from 'node:crypto'
import type { StorageNode } from '../../../src/index.ts'
import { type Waits, waitsOf } from './waits.ts'

const READ_BYTES = 4096
const READ_EVERY_MS = 5
const UPLOAD_BYTES = 1024
const UPLOAD_EVERY_MS = 20

/** A file that is read while something else goes on. */
export type Watched = { readonly cid: string; readonly bytes: number }

export type Bystanders = { readonly reads: Waits; readonly uploads: Waits }

/** Reads parts of a file and uploads small ones while `work` runs, and gives how long these waited. */
export async function bystandersDuring<T>(
  node: StorageNode,
  { cid, bytes }: Watched,
  work: () => Promise<T>,
): Promise<{ readonly result: T } & Bystanders> {
  const over = new AbortController()
  const reads = waitsOf(READ_EVERY_MS, over.signal, async () => {
    const offset = Math.floor(Math.random() * (bytes - READ_BYTES))
    const got = await node.download(cid, { offset, length: READ_BYTES }).bytes()
    if (got.byteLength !== READ_BYTES) throw new Error(`${got.byteLength} bytes at ${offset}`)
  })
  const uploads = waitsOf(UPLOAD_EVERY_MS, over.signal, () =>
    node.upload(randomFillSync(new Uint8Array(UPLOAD_BYTES)), { filename: 'bystander' }),
  )
  const working = work().finally(() => over.abort())
  const [result, ofReads, ofUploads] = await Promise.all([working, reads, uploads])
  return { result, reads: ofReads, uploads: ofUploads }
}
