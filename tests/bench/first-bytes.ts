import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { RandomFile } from './workspace.ts'

/** A file of its own with the first bytes of another, of which there may be fewer. */
export async function firstBytes(
  of: RandomFile,
  { path, atMost }: { readonly path: string; readonly atMost: number },
): Promise<RandomFile> {
  const bytes = Math.min(of.bytes, atMost)
  const hash = createHash('sha256')
  await pipeline(
    createReadStream(of.path, { end: bytes - 1 }),
    async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        hash.update(piece)
        yield piece
      }
    },
    createWriteStream(path, { flags: 'wx' }),
  )
  return { path, bytes, sha256: hash.digest('hex') }
}
