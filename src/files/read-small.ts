import * as fs from 'node:fs'
import { isPrsmError } from '../core/errors.ts'
import { result } from './callbacks.ts'
import { fileError } from './file-error.ts'
import { flagsOf, gotShorter, type LocalRegularFile, notRegular } from './read-file.ts'

/**
 * All of a small file at once, in memory of its own. What the system has in memory of a file that is open it
 * is asked on this thread: the way to another takes longer than the answer. Throws as `readFilePieces` does.
 */
export async function readSmallFile(file: LocalRegularFile): Promise<Uint8Array> {
  const { path } = file
  try {
    const descriptor = await result<number>((back) => fs.open(path, flagsOf(file), back))
    try {
      return await readAll(descriptor, file)
    } finally {
      fs.closeSync(descriptor)
    }
  } catch (error) {
    throw isPrsmError(error) ? error : fileError(error, path, 'read')
  }
}

async function readAll(descriptor: number, file: LocalRegularFile): Promise<Uint8Array> {
  if (!fs.fstatSync(descriptor).isFile()) throw notRegular(file.path)
  const bytes = Buffer.allocUnsafeSlow(file.bytes)
  for (let filled = 0; filled < bytes.byteLength; ) {
    const left = bytes.byteLength - filled
    const count = await result<number>((back) =>
      fs.read(descriptor, bytes, filled, left, filled, back),
    )
    if (count === 0) throw gotShorter(file, filled)
    filled += count
  }
  return bytes
}
