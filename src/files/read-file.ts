import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { PrsmError } from '../core/errors.ts'
import { fileError } from './file-error.ts'

/** Bytes of one read: large enough that a read is not dearer than its bytes. */
const PIECE_BYTES = 1024 * 1024

export type LocalRegularFile = {
  readonly path: string
  /** Bytes it had when it was listed, all of which are read; what was appended since is not. */
  readonly bytes: number
  readonly dereference: boolean
  /** Gives the buffer, of 1 MiB, for a whole piece; who passes this knows when it is free again. */
  readonly allocatePiece?: () => Uint8Array
}

/**
 * The content of a file in pieces of 1 MiB, each its own buffer, read one ahead. Opened when iterated.
 * Throws UPLOAD_INCOMPLETE when the file got shorter meanwhile, and what `fileError` says.
 */
export async function* readFilePieces(file: LocalRegularFile): AsyncGenerator<Uint8Array> {
  const handle = await openRegular(file)
  let ahead = readPiece(handle, file, 0)
  try {
    for (let position = 0; position < file.bytes; ) {
      const piece = await ahead
      position += piece.length
      ahead = readPiece(handle, file, position)
      yield piece
    }
  } finally {
    await ahead.catch(() => {})
    await handle.close()
  }
}

/** A pipe or link that took the file's place since it was listed is not waited for, nor followed. */
async function openRegular(file: LocalRegularFile): Promise<FileHandle> {
  const { path } = file
  try {
    const handle = await open(path, flagsOf(file))
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
  } catch (error) {
    throw fileError(error, path, 'read')
  }
  throw notRegular(path)
}

/** As what a regular file is opened that was one when it was listed. */
export function flagsOf({ dereference }: LocalRegularFile): number {
  return constants.O_RDONLY | constants.O_NONBLOCK | (dereference ? 0 : constants.O_NOFOLLOW)
}

export function notRegular(path: string): PrsmError {
  return new PrsmError('UNSUPPORTED_ENTRY', `${path} is no regular file any more`)
}

export function gotShorter({ path, bytes }: LocalRegularFile, read: number): PrsmError {
  return new PrsmError('UPLOAD_INCOMPLETE', `${path} got shorter while it was read`, {
    details: { path, declared: bytes, read },
    hint: 'wait until the program that writes it is done',
  })
}

function readPiece(
  handle: FileHandle,
  file: LocalRegularFile,
  position: number,
): Promise<Uint8Array> {
  const reading = readAt(handle, file, position)
  // Read ahead: its failure is thrown when the piece is asked for, and is no unhandled one until then.
  reading.catch(() => {})
  return reading
}

async function readAt(
  handle: FileHandle,
  file: LocalRegularFile,
  position: number,
): Promise<Uint8Array> {
  const { path, bytes, allocatePiece } = file
  const length = Math.min(PIECE_BYTES, bytes - position)
  if (length <= 0) return new Uint8Array(0)
  const whole = length === PIECE_BYTES ? allocatePiece?.() : undefined
  const buffer = whole ?? Buffer.allocUnsafeSlow(length)
  const { bytesRead } = await handle.read(buffer, 0, length, position).catch((error: unknown) => {
    throw fileError(error, path, 'read')
  })
  if (bytesRead > 0) return buffer.subarray(0, bytesRead)
  throw gotShorter(file, position)
}
