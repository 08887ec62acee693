import { hash, randomFillSync } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Bench } from '../bench.ts'
import { must } from '../command.ts'
import { plainEnvironment } from '../environment.ts'
import { rate } from '../figures.ts'
import { randomOffset } from '../programs/ranges.ts'
import type { RandomFile } from '../workspace.ts'

/* What this machine can do at all, with the same bytes in the same minute. */

const PIECE_BYTES = 1_048_576
const FILES_AT_ONCE = 8

export async function limits(bench: Bench): Promise<void> {
  const { figures, round, work } = bench
  const { bytes } = work.file
  figures.add('limits.sha256', round, rate(bytes, sha256OfMemory(bytes)))
  figures.add('limits.dd', round, rate(bytes, await dd(bench)))
  figures.add('limits.files', round, rate(bytes, await files(bench)))
  figures.add('limits.read-sha256', round, rate(bytes, await readAndHash(work.file.path)))
  figures.add('limits.ranges', round, ranges(work.file))
}

/** Milliseconds to hash `bytes`, one mebibyte after the other. */
function sha256OfMemory(bytes: number): number {
  const piece = randomFillSync(new Uint8Array(PIECE_BYTES))
  const begun = performance.now()
  for (let left = bytes; left > 0; left -= PIECE_BYTES) {
    hash('sha256', piece.subarray(0, Math.min(left, PIECE_BYTES)), 'buffer')
  }
  return performance.now() - begun
}

/** Milliseconds to copy the file, which is in memory, to the disk. */
async function dd({ work, signal, timeoutMs }: Bench): Promise<number> {
  await using folder = await work.folder('dd')
  await work.settle()
  const to = join(folder.path, 'copy')
  const { ms } = await must(
    ['dd', `if=${work.file.path}`, `of=${to}`, `bs=${PIECE_BYTES}`, 'conv=fdatasync'],
    { cwd: folder.path, env: plainEnvironment(), timeoutMs, signal },
  )
  return ms
}

/** Milliseconds to write the bytes as a store of blocks does: a file for each mebibyte, each synced. */
async function files({ work }: Bench): Promise<number> {
  await using folder = await work.folder('files')
  await work.settle()
  const piece = randomFillSync(new Uint8Array(PIECE_BYTES))
  let left = Math.ceil(work.file.bytes / PIECE_BYTES)
  const begun = performance.now()
  const writeOnAndOn = async (): Promise<void> => {
    while (left > 0) {
      await using file = await open(join(folder.path, String(left--)), 'wx')
      await file.write(piece)
      await file.datasync()
    }
  }
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, writeOnAndOn))
  return performance.now() - begun
}

/** A range of 64 KiB touches five of them. */
const SEGMENT_BYTES = 16_384
const SEGMENTS = 5
const RANGES_MS = 1000

/** What a checked range of 64 KiB takes at the least, so many a second: its segments read, and the CRC-32 of each. */
function ranges({ path, bytes }: RandomFile): number {
  const segments = new Uint8Array(SEGMENTS * SEGMENT_BYTES)
  const descriptor = openSync(path, 'r')
  try {
    const begun = performance.now()
    let count = 0
    while (performance.now() - begun < RANGES_MS) {
      const at = Math.floor(randomOffset(bytes) / SEGMENT_BYTES) * SEGMENT_BYTES
      readSync(descriptor, segments, 0, segments.byteLength, at)
      for (let from = 0; from < segments.byteLength; from += SEGMENT_BYTES) {
        crc32(segments.subarray(from, from + SEGMENT_BYTES))
      }
      count += 1
    }
    return (count * 1000) / (performance.now() - begun)
  } finally {
    closeSync(descriptor)
  }
}

async function readAndHash(path: string): Promise<number> {
  const piece = new Uint8Array(PIECE_BYTES)
  const begun = performance.now()
  await using file = await open(path, 'r')
  while (true) {
    const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, null)
    if (bytesRead === 0) return performance.now() - begun
    hash('sha256', piece.subarray(0, bytesRead), 'buffer')
  }
}
