import { expect, it } from 'vitest'
import { CHUNK_BYTES } from '../../../src/unixfs/profile.ts'
import { ChunkPool } from '../../../src/uploads/chunk-pool.ts'

it('gives a buffer again only when all who hold the chunk have let go', () => {
  const pool = new ChunkPool()
  const chunk = pool.take()
  pool.hold(chunk, 2)
  pool.release(chunk)
  expect(pool.take().buffer).not.toBe(chunk.buffer)
  pool.release(chunk)
  expect(pool.take().buffer).toBe(chunk.buffer)
})

it('knows a chunk by its memory, also under another view', () => {
  const pool = new ChunkPool()
  const chunk = pool.take()
  pool.hold(chunk.subarray(0), 1)
  pool.release(new Uint8Array(chunk.buffer))
  expect(pool.take().buffer).toBe(chunk.buffer)
})

it('keeps no part of a chunk, and nothing of anybody else', () => {
  const pool = new ChunkPool()
  const part = pool.take().subarray(0, 10)
  pool.hold(part, 1)
  pool.release(part)
  const foreign = new Uint8Array(CHUNK_BYTES)
  pool.hold(foreign, 1)
  pool.release(foreign)
  expect(pool.take().buffer).not.toBe(part.buffer)
  expect(pool.take().buffer).not.toBe(foreign.buffer)
})
