import * as fs from 'node:fs'
import { isPrsmError } from '../core/errors.ts'
import { done, result } from './callbacks.ts'
import { fileError } from './file-error.ts'
import { flagsOf, gotShorter, type LocalRegularFile, notRegular } from './read-file.ts'

/** All of a small file at once, in memory of its own. Throws as `readFilePieces` does. */
export async function readSmallFile(file: LocalRegularFile): Promise<Uint8Array> {
  const { path } = file
  try {
    const descriptor = await result<number>((back) => fs.open(path, flagsOf(file), back))
    try {
      return await readAll(descriptor, file)
    } finally {
      await done((back) => fs.close(descriptor, back))
    }
  } catch (error) {
    throw isPrsmError(error) ? error : fileError(error, path, 'read')
  }
}

async function readAll(descriptor: number, file: LocalRegularFile): Promise<Uint8Array> {
  const stats = await result<fs.Stats>((back) => fs.fstat(descriptor, back))
  if (!stats.isFile()) throw notRegular(file.path)
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
