import { createHash } from 'node:crypto'

/** The SHA-256 of a file as its chunks come. A chunk given must not be changed. */
export interface Digest extends AsyncDisposable {
  update(chunk: Uint8Array): void | Promise<void>
  hex(): Promise<string>
}

export function createDigest(): Digest {
  const hash = createHash('sha256')
  return {
    update: (chunk) => {
      hash.update(chunk)
    },
    hex: async () => hash.digest('hex'),
    [Symbol.asyncDispose]: async () => {},
  }
}
