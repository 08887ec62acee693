import { hash } from 'node:crypto'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { checksums } from '../core/checksums.ts'
import { type Job, MESSAGE_BYTES, type Reply } from './summing-job.ts'

function sumOf(bytes: Uint8Array, { segmentBytes }: Job): string {
  if (segmentBytes === 0) return hash('sha256', bytes, 'binary')
  return Buffer.from(checksums(bytes, segmentBytes).buffer).toString('latin1')
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

function read(job: Job): Reply {
  const { file } = job
  if (typeof file === 'number') return readFrom(file, job)
  const descriptor = openSync(file, 'r')
  try {
    return readFrom(descriptor, job)
  } finally {
    closeSync(descriptor)
  }
}

function readFrom(descriptor: number, job: Job): Reply {
  const { id, position, bytes, before, after } = job
  if (before + after === 0) {
    const found = fill(descriptor, bytes, position)
    return { id, bytes: found as Uint8Array<ArrayBuffer>, sum: sumOf(found, job) }
  }
  const all = scratch(before + bytes.byteLength + after)
  const found = fill(descriptor, all, position - before)
  const wanted = found.subarray(before, before + bytes.byteLength)
  bytes.set(wanted)
  const given = bytes.subarray(0, wanted.byteLength) as Uint8Array<ArrayBuffer>
  return { id, bytes: given, sum: sumOf(found, job) }
}

/** Memory of the thread, used again and again. */
let memory = new Uint8Array(0)

function scratch(bytes: number): Uint8Array {
  if (memory.byteLength < bytes) memory = new Uint8Array(bytes)
  return memory.subarray(0, bytes)
}

function writeAll({ file, position, bytes }: Job): void {
  if (typeof file === 'string') throw new Error('a file is opened before it is written')
  for (let written = 0; written < bytes.byteLength; ) {
    const left = bytes.byteLength - written
    written += writeSync(file, bytes, written, left, position + written)
  }
}

function answer(job: Job): Reply {
  const { id } = job
  try {
    if (job.kind === 'read') return read(job)
    writeAll(job)
    return { id, bytes: undefined, sum: sumOf(job.bytes, job) }
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
    if (bytes < MESSAGE_BYTES) continue
    send(replies)
    replies = []
    bytes = 0
  }
  if (replies.length > 0) send(replies)
})
