import { createHash } from 'node:crypto'
import { MIB } from './content.ts'

const base = new Uint8Array(MIB)
for (let at = 0; at < MIB; at += 32) {
  base.set(createHash('sha256').update(String(at)).digest(), at)
}

/** Mebibyte number `at` of a file that is not compressible and the same each time. */
function mebibyte(at: number): Uint8Array {
  const bytes = Uint8Array.from(base)
  new DataView(bytes.buffer).setUint32(0, at)
  return bytes
}

/** So many mebibytes, each another, made as they are asked for. */
export async function* largeContent(mebibytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < mebibytes; at += 1) yield mebibyte(at)
}

/** The SHA-256 of that. */
export function largeSha256(mebibytes: number): string {
  const hash = createHash('sha256')
  for (let at = 0; at < mebibytes; at += 1) hash.update(mebibyte(at))
  return hash.digest('hex')
}
