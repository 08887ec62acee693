import { createHash } from 'node:crypto'

/** The SHA-256 of a file as its chunks come, in order. */
export interface Digest extends Disposable {
  /** Resolves when the bytes of `chunk` are needed no more. */
  update(chunk: Uint8Array): Promise<void>
  /** Hex; ends the digest. */
  hex(): Promise<string>
}

/** Hashes on the caller's thread: for small files, and where nobody says how much will come. */
export function createDigest(): Digest {
  const hash = createHash('sha256')
  return {
    update: async (chunk) => {
      hash.update(chunk)
    },
    hex: async () => hash.digest('hex'),
    [Symbol.dispose]: () => {},
  }
}
