import { createCipheriv, createHash } from 'node:crypto'

/** `bytes` of the ChaCha20 key stream under sha256(seed) and a zero nonce, from its start, in pieces: IPIP-499's test data. */
export async function* keyStream(bytes: number, seed: string): AsyncGenerator<Uint8Array> {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('chacha20', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(1_048_576)
  for (let left = bytes; left > 0; left -= zeros.byteLength) {
    yield cipher.update(left < zeros.byteLength ? zeros.subarray(0, left) : zeros)
    await Promise.resolve()
  }
}

/** Reproducible bytes for tests of our own. */
export function noise(bytes: number, seed: string): Buffer {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('chacha20', key, Buffer.alloc(16)).update(Buffer.alloc(bytes))
}
