import { expect, it } from 'vitest'
import { ChunkPool, type FreeChunks } from '../../../src/unixfs/chunk-pool.ts'
import { CHUNK_BYTES } from '../../../src/unixfs/profile.ts'

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

it('keeps the whole buffer of a last chunk, and nothing of anybody else', () => {
  const pool = new ChunkPool()
  const last = pool.take().subarray(0, 10)
  pool.hold(last, 1)
  pool.release(last)
  const again = pool.take()
  expect(again.buffer).toBe(last.buffer)
  expect(again.byteLength).toBe(CHUNK_BYTES)
  const foreign = new Uint8Array(CHUNK_BYTES)
  pool.hold(foreign, 1)
  pool.release(foreign)
  expect(pool.take().buffer).not.toBe(foreign.buffer)
})

it('gives back what is held when it ends, once, and never what may still be filled', () => {
  const free: FreeChunks = []
  const pool = new ChunkPool(free)
  const [held, filling] = [pool.take(), pool.take()]
  pool.hold(held, 2)
  pool[Symbol.dispose]()
  pool.release(held)
  pool.release(filling)
  expect(free.map(({ buffer }) => buffer)).toEqual([held.buffer])
  expect(new ChunkPool(free).take().buffer).toBe(held.buffer)
})

it('takes back at once what nobody will hold', () => {
  const pool = new ChunkPool()
  const chunk = pool.take()
  pool.discard(chunk.subarray(0, 5))
  pool.discard(Buffer.alloc(5))
  expect(pool.take().buffer).toBe(chunk.buffer)
})
