import { type FileHandle, open } from 'node:fs/promises'
import { InFlight } from './in-flight.ts'

/** Small pieces are gathered up to this many bytes before they are written. */
const GATHER_BYTES = 1024 * 1024
/** Writes under way at once. With the gathered bytes this bounds the memory of a file being written. */
const WRITES_AT_ONCE = 4
/** Bytes after which what was written is pushed to the disk while more is coming. */
const WRITE_BACK_BYTES = 64 * 1024 * 1024

/**
 * Creates `path`, which must not exist, and writes `content` to it. Not synced yet, still open: that is
 * the caller's. On failure it is closed, and left behind.
 */
export async function createWritten(
  path: string,
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly handle: FileHandle; readonly bytes: number }> {
  const handle = await open(path, 'wx', 0o666)
  const writes = new InFlight(WRITES_AT_ONCE)
  try {
    let bytes = 0
    for await (const pieces of gathered(content)) {
      const position = bytes
      bytes += lengthOf(pieces)
      await writes.add(() => writeAt(handle, pieces, position))
      if (crosses(position, bytes)) await writes.add(() => handle.datasync())
    }
    await writes.drain()
    return { handle, bytes }
  } catch (error) {
    await writes.settled()
    await handle.close()
    throw error
  }
}

/** Syncs a folder, so that the names in it survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

function crosses(from: number, to: number): boolean {
  return Math.floor(from / WRITE_BACK_BYTES) !== Math.floor(to / WRITE_BACK_BYTES)
}

async function* gathered(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of content) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes < GATHER_BYTES) continue
    yield pieces
    pieces = []
    bytes = 0
  }
  if (bytes > 0) yield pieces
}

async function writeAt(handle: FileHandle, pieces: Uint8Array[], position: number): Promise<void> {
  const { bytesWritten } = await handle.writev(pieces, position)
  if (bytesWritten === lengthOf(pieces)) return
  // The kernel took a part (a disk that is nearly full, a signal): the rest goes piece by piece.
  const rest = Buffer.concat(pieces).subarray(bytesWritten)
  for (let done = 0; done < rest.length; ) {
    const more = await handle.write(rest, done, rest.length - done, position + bytesWritten + done)
    done += more.bytesWritten
  }
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((bytes, piece) => bytes + piece.length, 0)
}
