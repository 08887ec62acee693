import { hash } from 'node:crypto'
import { readSync, writeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { checksums } from '../core/checksums.ts'
import type { Around, Sum } from '../core/file-port.ts'

/** A read into memory that is moved here and back, or a write of bytes that are copied or shared. */
export type Job = {
  readonly id: number
  readonly descriptor: number
  readonly position: number
  readonly bytes: Uint8Array
} & (
  | { readonly kind: 'read'; readonly sum: Sum; readonly around?: Around }
  | { readonly kind: 'write' }
)

/** `bytes`: what was read. A failure is the system's, as far as it can be told. */
export type Reply = { readonly id: number } & (
  | { readonly bytes: Uint8Array<ArrayBuffer> | undefined; readonly sum: string }
  | { readonly failure: { readonly code: string | undefined; readonly message: string } }
)

/** Bytes after which is answered, though more was asked: who waits for the first has a long time to wait. */
const ANSWER_BYTES = 256 * 1024

function sumOf(bytes: Uint8Array, sum: Sum): string {
  if (sum === 'sha256') return hash('sha256', bytes, 'binary')
  return Buffer.from(checksums(bytes).buffer).toString('latin1')
}

/** Fills `bytes` from `position` on; the bytes that the file has for it. */
function fill(descriptor: number, bytes: Uint8Array, position: number): Uint8Array {
  let filled = 0
  while (filled < bytes.byteLength) {
    const left = bytes.byteLength - filled
    const count = readSync(descriptor, bytes, filled, left, position + filled)
    if (count === 0) break
    filled += count
  }
  return bytes.subarray(0, filled)
}

type ReadJob = Extract<Job, { kind: 'read' }>

function read({ id, descriptor, position, bytes, sum, around }: ReadJob): Reply {
  if (around === undefined) {
    const found = fill(descriptor, bytes, position)
    return { id, bytes: found as Uint8Array<ArrayBuffer>, sum: sumOf(found, sum) }
  }
  const { before, after } = around
  const all = scratch(before + bytes.byteLength + after)
  const found = fill(descriptor, all, position - before)
  const wanted = found.subarray(before, before + bytes.byteLength)
  bytes.set(wanted)
  const given = bytes.subarray(0, wanted.byteLength) as Uint8Array<ArrayBuffer>
  return { id, bytes: given, sum: sumOf(found, sum) }
}

/** Memory of the thread, used again and again. */
let memory = new Uint8Array(0)

function scratch(bytes: number): Uint8Array {
  if (memory.byteLength < bytes) memory = new Uint8Array(bytes)
  return memory.subarray(0, bytes)
}

function writeAll({ descriptor, position, bytes }: Job): void {
  for (let written = 0; written < bytes.byteLength; ) {
    const left = bytes.byteLength - written
    written += writeSync(descriptor, bytes, written, left, position + written)
  }
}

function answer(job: Job): Reply {
  const { id } = job
  try {
    if (job.kind === 'read') return read(job)
    writeAll(job)
    return { id, bytes: undefined, sum: sumOf(job.bytes, 'crc32') }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { id, failure: { code, message } }
  }
}

function send(replies: readonly Reply[]): void {
  const moved = replies.flatMap((reply) =>
    'bytes' in reply && reply.bytes ? [reply.bytes.buffer] : [],
  )
  parentPort?.postMessage(replies, moved)
}

parentPort?.on('message', (jobs: readonly Job[]) => {
  let replies: Reply[] = []
  let bytes = 0
  for (const job of jobs) {
    bytes += job.bytes.byteLength
    replies.push(answer(job))
    if (bytes < ANSWER_BYTES) continue
    send(replies)
    replies = []
    bytes = 0
  }
  if (replies.length > 0) send(replies)
})
