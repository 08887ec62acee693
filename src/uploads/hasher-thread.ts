import { createHash, type Hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

/** What the thread is asked: chunks of a digest in order, its end, or to forget it. */
export type HashRequest = { readonly id: number; readonly digest: number } & (
  | { readonly kind: 'update'; readonly chunk: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'forget' }
)

export type HashReply = { readonly id: number; readonly hex: string }

const hashes = new Map<number, Hash>()

function answer(request: HashRequest): string {
  const { digest } = request
  const hash = hashes.get(digest) ?? createHash('sha256')
  if (request.kind === 'update') {
    hashes.set(digest, hash.update(request.chunk))
    return ''
  }
  hashes.delete(digest)
  return request.kind === 'end' ? hash.digest('hex') : ''
}

parentPort?.on('message', (request: HashRequest) => {
  parentPort?.postMessage({ id: request.id, hex: answer(request) } satisfies HashReply)
})
