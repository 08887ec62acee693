import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import { expect, test, vi } from 'vitest'
import { PrsmError } from '../../../src/core/errors.ts'
import { limits } from '../../../src/core/limits.ts'
import { importFile } from '../../../src/unixfs/import.ts'
import { CHUNK_BYTES } from '../../../src/unixfs/profile.ts'
import { readFile } from '../../../src/unixfs/read.ts'
import { noise } from './deterministic.ts'
import { collect, failure, MemoryBlocks, pieces } from './memory-blocks.ts'

const content = noise(3 * CHUNK_BYTES + 100, 'import-file')

/** Sizes where chunks begin and end, and between. */
const sizes = fc.oneof(
  fc
    .integer({ min: 0, max: 3 })
    .chain((chunks) =>
      fc.integer({ min: chunks === 0 ? 0 : -2, max: 2 }).map((more) => chunks * CHUNK_BYTES + more),
    ),
  fc.integer({ min: 0, max: content.byteLength }),
)

test('what goes in comes out, whatever the pieces, copied or handed over', async () => {
  await fc.assert(
    fc.asyncProperty(
      sizes,
      fc.integer({ min: 1000, max: 2 * CHUNK_BYTES }),
      fc.boolean(),
      async (size, pieceBytes, handedOver) => {
        const blocks = new MemoryBlocks()
        const bytes = content.subarray(0, size)
        const imported = await importFile(blocks, pieces(bytes, pieceBytes), { handedOver })
        const stored = [...blocks.blocks.values()].reduce((sum, block) => sum + block.byteLength, 0)
        expect(imported.bytes).toBe(size)
        expect(imported.dagBytes).toBe(stored)
        expect((await collect(readFile(blocks, imported.cid))).equals(bytes)).toBe(true)
      },
    ),
    { numRuns: 60 },
  )
})

test('the pieces do not change the CID, also when they come byte by byte', async () => {
  const bytes = content.subarray(0, 3000)
  const whole = await importFile(new MemoryBlocks(), pieces(bytes, 3000), { expectedBytes: 3000 })
  const single = await importFile(new MemoryBlocks(), pieces(bytes, 1), { expectedBytes: -5 })
  expect(single).toEqual(whole)
})

test('no content at all is the empty raw block', async () => {
  const imported = await importFile(new MemoryBlocks(), pieces(new Uint8Array(0)))
  expect(imported.cid.toString()).toBe(
    'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
  )
  expect(imported).toMatchObject({ bytes: 0, dagBytes: 0 })
})

test('a source that writes to its buffer again does not change what is stored', async () => {
  const blocks = new MemoryBlocks()
  const buffer = Buffer.alloc(CHUNK_BYTES)
  async function* reusing() {
    for (const value of [1, 2, 3]) {
      yield buffer.fill(value)
      await Promise.resolve()
    }
    buffer.fill(9)
  }
  const { cid } = await importFile(blocks, reusing())
  const read = await collect(readFile(blocks, cid))
  expect([0, 1, 2].map((chunk) => read[chunk * CHUNK_BYTES])).toEqual([1, 2, 3])
})

test('whole chunks of pieces that are handed over are stored uncopied', async () => {
  const kept: Uint8Array[] = []
  const put = (_cid: CID, bytes: Uint8Array) => Promise.resolve(kept.push(bytes))
  await importFile({ put }, pieces(content, 2 * CHUNK_BYTES), { handedOver: true })
  const shared = kept.filter((block) => block.buffer === content.buffer)
  expect(shared.map((block) => block.byteLength)).toEqual([CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES])
})

test('a small last chunk does not keep a megabyte', async () => {
  const kept: Uint8Array[] = []
  const put = (_cid: CID, bytes: Uint8Array) => Promise.resolve(kept.push(bytes))
  await importFile({ put }, pieces(content))
  const tail = kept.find((block) => block.byteLength === 100)
  expect(tail?.buffer.byteLength).toBe(100)
})

test('a store that does not answer stops the import, so that memory stays bounded', async () => {
  let pulled = 0
  async function* endless() {
    const piece = new Uint8Array(CHUNK_BYTES)
    for (; ; pulled++) {
      await Promise.resolve()
      yield piece
    }
  }
  const store = Promise.withResolvers<void>()
  const abort = new AbortController()
  const put = () => store.promise
  const importing = failure(importFile({ put }, endless(), { signal: abort.signal }))
  await vi.waitFor(
    () => expect(pulled).toBeGreaterThan(limits.importAheadBytes / CHUNK_BYTES - 1),
    4000,
  )
  await sleep(100)
  expect(pulled).toBeLessThanOrEqual(limits.importAheadBytes / CHUNK_BYTES + 3)
  abort.abort()
  store.resolve()
  expect((await importing).code).toBe('CANCELLED')
})

test('what the store refuses ends the import, with its error, once nothing is under way', async () => {
  let running = 0
  let puts = 0
  async function put() {
    puts++
    running++
    await sleep(5)
    running--
    if (puts >= 2) throw new PrsmError('STORAGE_FULL', 'full')
  }
  const error = await failure(importFile({ put }, pieces(content)))
  expect(error.code).toBe('STORAGE_FULL')
  expect(running).toBe(0)
})

test('a store that throws at once is no different', async () => {
  const put = () => {
    throw new PrsmError('STORAGE_IO', 'gone')
  }
  expect((await failure(importFile({ put }, pieces(content)))).code).toBe('STORAGE_IO')
})

test('an abort ends the import while the source is silent, and closes the source', async () => {
  let closed = false
  const silent: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: () => {
        closed = true
        return new Promise(() => {})
      },
    }),
  }
  const importing = failure(
    importFile(new MemoryBlocks(), silent, { signal: AbortSignal.timeout(20) }),
  )
  expect((await importing).code).toBe('CANCELLED')
  expect(closed).toBe(true)
})

test('an abort tells the PrsmError it was made with', async () => {
  const signal = AbortSignal.abort(new PrsmError('NODE_CLOSED', 'closed'))
  expect((await failure(importFile(new MemoryBlocks(), pieces(content), { signal }))).code).toBe(
    'NODE_CLOSED',
  )
})

test.each([0, 500_000, 2_500_000])(
  'an error of the source after %i bytes is told as it is, and the source closed',
  async (bytes) => {
    let closed = false
    async function* failing() {
      try {
        yield* pieces(content.subarray(0, bytes))
        throw new PrsmError('UPLOAD_TOO_LARGE', 'too large')
      } finally {
        closed = true
      }
    }
    expect((await failure(importFile(new MemoryBlocks(), failing()))).code).toBe('UPLOAD_TOO_LARGE')
    expect(closed).toBe(true)
  },
)
