import { writeFile } from 'node:fs/promises'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { describe, expect, it } from 'vitest'
import { RAW } from '../../../src/core/cid.ts'
import { limits } from '../../../src/core/limits.ts'
import { blockFiles, temporaryFolder } from '../../support/block-store.ts'
import { codeOf, failureOf } from '../../support/failure.ts'
import { counted, openRetrieval, putAll, someBlock } from './open-retrieval.ts'
import { having } from './scripted-fetcher.ts'

const MIB = 1024 * 1024

/** An `allocate` that notes what it gave. */
function allocator() {
  const given: Uint8Array[] = []
  const allocate = (bytes: number): Uint8Array => {
    const buffer = Buffer.allocUnsafeSlow(bytes)
    given.push(buffer)
    return buffer
  }
  /** In the buffer that was given last, or in its memory, which a read may move: it is detached then. */
  const isLast = ({ buffer }: Uint8Array): boolean => {
    const last = given.at(-1)?.buffer
    return last === buffer || (last instanceof ArrayBuffer && last.detached)
  }
  return { given, allocate, isLast }
}

describe('memory, then disk', () => {
  it('reads a block from the disk once, then from memory, and counts both', async () => {
    await using open = await openRetrieval()
    const [cid, bytes] = someBlock()
    await putAll(open.store, [cid, bytes])
    await using session = open.retrieval.session()
    const first = await session.get(cid)
    expect(first).toEqual(bytes)
    expect(await session.get(cid)).toBe(first)
    await using other = open.retrieval.session()
    expect(await other.get(cid)).toBe(first)
    expect(await counted(open.metrics.blocksRead)).toBe(1)
    expect(await counted(open.metrics.cacheMisses)).toBe(1)
    expect(await counted(open.metrics.cacheHits)).toBe(2)
  })

  it('answers get, getPart and size of a block in memory without the store', async () => {
    await using open = await openRetrieval()
    const [cid, bytes] = someBlock()
    await putAll(open.store, [cid, bytes])
    await using session = open.retrieval.session()
    await session.get(cid)
    await open.store.delete(cid)
    expect(await session.get(cid)).toEqual(bytes)
    expect(await session.size(cid)).toBe(bytes.length)
    expect(await session.getPart(cid, { offset: 10, length: 20 })).toEqual(bytes.subarray(10, 30))
    expect(await codeOf(session.getPart(cid, { offset: 990, length: 20 }))).toBe('INVALID_RANGE')
  })

  it('finds a block by its multihash, whatever the codec of the CID', async () => {
    await using open = await openRetrieval()
    const [cid, bytes] = someBlock()
    await putAll(open.store, [cid, bytes])
    await using session = open.retrieval.session()
    const first = await session.get(cid)
    expect(await session.get(CID.createV1(0x71, cid.multihash))).toBe(first)
  })

  it('hands out a caller’s own buffer where he gives one, never the shared memory', async () => {
    await using folder = await temporaryFolder()
    await using open = await openRetrieval({ folder: folder.path, cacheBytes: 4 * MIB })
    for (const size of [0, 1000, 200_000]) {
      const [cid, bytes] = someBlock(size)
      await putAll(open.store, [cid, bytes])
      await using session = open.retrieval.session()
      const { allocate, isLast } = allocator()
      for (const passing of [true, false, false]) {
        const own = await session.get(cid, { allocate, passing })
        expect(isLast(own)).toBe(true)
        expect(Buffer.compare(own, bytes)).toBe(0)
        own.fill(0)
        const part = { offset: 0, length: size }
        const piece = await session.getPart(cid, part, { allocate })
        expect(isLast(piece)).toBe(true)
        piece.fill(0)
      }
      expect(Buffer.compare(await session.get(cid), bytes)).toBe(0)
    }
  })

  it('keeps nothing in memory of what is read passing, and reads it into the buffer at once', async () => {
    await using folder = await temporaryFolder()
    await using open = await openRetrieval({ folder: folder.path, cacheBytes: 8 * MIB })
    const [cid, bytes] = someBlock(MIB)
    await putAll(open.store, [cid, bytes])
    await using session = open.retrieval.session()
    const { given, allocate } = allocator()
    await session.get(cid, { passing: true, allocate })
    await session.get(cid, { passing: true })
    expect(given).toHaveLength(1)
    expect(await counted(open.metrics.blocksRead)).toBe(2)
    expect(await counted(open.metrics.cacheHits)).toBe(0)
  })

  it('reads a part of a block on the disk from its segments, without the rest', async () => {
    await using folder = await temporaryFolder()
    await using open = await openRetrieval({ folder: folder.path, cacheBytes: 8 * MIB })
    const [cid, bytes] = someBlock(MIB)
    await putAll(open.store, [cid, bytes])
    await using session = open.retrieval.session()
    const part = await session.getPart(cid, { offset: 70_000, length: 100 })
    expect(Buffer.compare(part, bytes.subarray(70_000, 70_100))).toBe(0)
    expect(await session.size(cid)).toBe(MIB)
    expect(await counted(open.metrics.blockBytesRead)).toBe(limits.segmentBytes)
    await session.getPart(cid, { offset: 70_000, length: 100 })
    expect(await counted(open.metrics.cacheHits)).toBe(0)
  })

  it('reads a block that many want at once once, and gives each what is his', async () => {
    await using folder = await temporaryFolder()
    await using open = await openRetrieval({ folder: folder.path, cacheBytes: 0 })
    const [cid, bytes] = someBlock(MIB)
    await putAll(open.store, [cid, bytes])
    await using session = open.retrieval.session()
    await using other = open.retrieval.session()
    const { given, allocate } = allocator()
    const [own, shared, again, fourth] = await Promise.all([
      session.get(cid, { allocate }).then((block) => {
        const copy = Buffer.from(block)
        block.fill(0)
        return copy
      }),
      other.get(cid),
      other.get(cid, { allocate }),
      session.get(cid, { passing: true }),
    ])
    for (const block of [own, shared, again, fourth]) expect(Buffer.compare(block, bytes)).toBe(0)
    expect(given).toHaveLength(2)
    expect(await counted(open.metrics.blocksRead)).toBe(1)
  })

  it('tells all who wait for a block on the disk that it is damaged, and reads it again for the next', async () => {
    await using folder = await temporaryFolder()
    await using open = await openRetrieval({ folder: folder.path })
    const [cid, bytes] = someBlock(MIB)
    await putAll(open.store, [cid, bytes])
    const [path = ''] = await blockFiles(folder.path)
    await writeFile(path, Buffer.alloc(MIB))
    await using session = open.retrieval.session()
    const codes = await Promise.all([1, 2, 3].map(() => codeOf(session.get(cid))))
    expect(codes).toEqual(Array(3).fill('BLOCK_CORRUPT'))
    await putAll(open.store, [cid, bytes])
    expect(Buffer.compare(await session.get(cid), bytes)).toBe(0)
  })

  it('whose buffer cannot be had fails him alone', async () => {
    await using folder = await temporaryFolder()
    await using open = await openRetrieval({ folder: folder.path })
    const [cid, bytes] = someBlock(MIB)
    await putAll(open.store, [cid, bytes])
    await using session = open.retrieval.session()
    const allocate = (): Uint8Array => {
      throw new RangeError('no memory')
    }
    const [right, wrong, alsoRight] = await Promise.allSettled([
      session.get(cid),
      session.get(cid, { allocate }),
      session.get(cid),
    ])
    expect([right.status, wrong.status, alsoRight.status]).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
  })
})

describe('what a CID carries', () => {
  const text = Buffer.from('inside the CID')
  const cid = CID.createV1(RAW, identity.digest(text))

  it('is given without asking or counting, in the buffer of who gives one', async () => {
    const fetcher = having()
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    expect(await session.get(cid)).toEqual(new Uint8Array(text))
    const { given, allocate } = allocator()
    expect(await session.get(cid, { allocate })).toBe(given[0])
    const part = await session.getPart(cid, { offset: 7, length: 3 }, { allocate })
    expect(Buffer.from(part).toString()).toBe('the')
    expect(part.buffer).toBe(given[1]?.buffer)
    expect(await session.size(cid)).toBe(14)
    expect(fetcher.questions).toEqual([])
    expect(await counted(open.metrics.cacheMisses)).toBe(0)
  })
})

describe('an aborted signal', () => {
  it('is CANCELLED before anything is read', async () => {
    await using open = await openRetrieval()
    const [cid, bytes] = someBlock()
    await putAll(open.store, [cid, bytes])
    await using session = open.retrieval.session()
    const signal = AbortSignal.abort()
    const part = { offset: 0, length: 1 }
    expect(await codeOf(session.get(cid, { signal }))).toBe('CANCELLED')
    expect(await codeOf(session.getPart(cid, part, { signal }))).toBe('CANCELLED')
    expect(await codeOf(session.size(cid, { signal }))).toBe('CANCELLED')
    expect(await counted(open.metrics.blocksRead)).toBe(0)
  })
})

describe('who asks nobody', () => {
  it('offline: is told so, with what to do about it', async () => {
    const [cid, bytes] = someBlock()
    const fetcher = having([cid, bytes])
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using offline = open.retrieval.session({ offline: true })
    for (const work of [offline.get(cid), offline.size(cid)]) {
      const error = await failureOf(work)
      expect(error.code).toBe('CONTENT_NOT_FOUND')
      expect(error.message).toContain(`${cid} is not stored here; nobody was asked`)
      expect(error.hint).toContain('--offline')
    }
    expect(fetcher.questions).toEqual([])
    await using online = open.retrieval.session()
    expect(await online.get(cid)).toEqual(bytes)
    expect(await offline.get(cid)).toEqual(bytes)
  })

  it('without a network: is told that it is off', async () => {
    await using open = await openRetrieval()
    await using session = open.retrieval.session()
    const [cid] = someBlock()
    const error = await failureOf(session.getPart(cid, { offset: 0, length: 1 }))
    expect(error.code).toBe('CONTENT_NOT_FOUND')
    expect(error.hint).toContain('PRSM_NETWORK')
    expect(error.details).toEqual({ cid: cid.toString() })
  })
})
