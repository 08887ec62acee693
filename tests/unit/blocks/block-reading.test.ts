import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { openStore, rawCid, stored, temporaryFolder } from '../../support/block-store.ts'

const MIB = 1024 * 1024
const SEGMENT = limits.segmentBytes

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

const identity = CID.decode(Uint8Array.from([1, 0x55, 0, 3, 1, 2, 3]))

describe('size', () => {
  it('is known of blocks in files, in the database, on their way and in their CID', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const [large, small] = [randomBytes(MIB), randomBytes(100)]
    await using lease = open.store.lease()
    await lease.put(rawCid(large), large)
    expect(await open.store.size(rawCid(large))).toBe(MIB)
    await stored(open, large, small)
    const before = open.files.operations
    expect(await open.store.size(rawCid(large))).toBe(MIB)
    expect(await open.store.size(rawCid(small))).toBe(100)
    expect(await open.store.size(identity)).toBe(3)
    expect(open.files.operations).toBe(before)
  })

  it('of a block that is not there, or only named by a link, is CONTENT_NOT_FOUND', async () => {
    await using open = await openStore({ folder: null })
    const cid = rawCid(randomBytes(10))
    await expect(open.store.size(cid)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    await expect(open.store.size(identity, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
  })

  it('of a block that is being deleted is its own until it is gone', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const [cid = identity] = await stored(open, randomBytes(MIB))
    const deleting = open.store.delete(cid)
    expect(await open.store.size(cid)).toBe(MIB)
    await deleting
    await expect(open.store.size(cid)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    expect(open.store.has(cid)).toBe(false)
  })
})

function isDetached({ buffer }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && buffer.detached
}

describe('a buffer of the caller', () => {
  /** Gives buffers and remembers them. */
  function allocator() {
    const given: Uint8Array[] = []
    const allocate = (bytes: number) => {
      const buffer = new Uint8Array(bytes)
      given.push(buffer)
      return buffer
    }
    /** A read may move the memory it was given, which is then nobody else's either. */
    const isOwn = ({ buffer }: Uint8Array) =>
      given.some((own) => own.buffer === buffer || isDetached(own))
    return { allocate, isOwn }
  }

  it('holds what is read, wherever it comes from, and is his alone', async () => {
    await using folder = await temporaryFolder()
    const hold = { now: false }
    const files = createFilePort({
      before: async ({ name, path }) => {
        while (hold.now && name === 'write' && path.endsWith('.data')) await delay(5)
      },
    })
    await using open = await openStore({ folder: folder.path, files })
    const { allocate, isOwn } = allocator()
    const [large, small, written] = [randomBytes(MIB), randomBytes(500), randomBytes(200_000)]
    await stored(open, large, small)
    hold.now = true
    await using lease = open.store.lease()
    await lease.put(rawCid(written), written)
    const cases: [CID, Uint8Array][] = [
      [rawCid(large), large],
      [rawCid(small), small],
      [rawCid(written), written],
      [identity, Uint8Array.of(1, 2, 3)],
    ]
    for (const [cid, bytes] of cases) {
      const whole = await open.store.get(cid, { allocate })
      const part = await open.store.getPart(cid, { offset: 1, length: 2 }, { allocate })
      expect([isOwn(whole), isOwn(part)]).toEqual([true, true])
      expect([same(whole, bytes), same(part, bytes.subarray(1, 3))]).toEqual([true, true])
      whole.fill(0)
      part.fill(0)
      expect(same(await open.store.get(cid), bytes)).toBe(true)
    }
    hold.now = false
    await lease.sync()
  })

  it('holds parts of every shape', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const bytes = randomBytes(MIB - 77)
    const [cid = identity] = await stored(open, bytes)
    const { allocate, isOwn } = allocator()
    for (const [offset, length] of [
      [0, 0],
      [bytes.length, 0],
      [SEGMENT, SEGMENT],
      [SEGMENT - 1, 2],
      [10, SEGMENT],
      [10, 2 * SEGMENT],
      [63 * SEGMENT, bytes.length - 63 * SEGMENT],
      [0, bytes.length],
    ] as const) {
      const part = await open.store.getPart(cid, { offset, length }, { allocate })
      expect(isOwn(part)).toBe(true)
      expect(same(part, bytes.subarray(offset, offset + length))).toBe(true)
    }
  })

  it('without one, ranges read at once do not share memory', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const bytes = randomBytes(MIB)
    const [cid = identity] = await stored(open, bytes)
    const offsets = Array.from({ length: 40 }, (_, index) => index * 20_000 + 3)
    const parts = await Promise.all(
      offsets.map((offset) => open.store.getPart(cid, { offset, length: SEGMENT })),
    )
    expect(new Set(parts.map(({ buffer }) => buffer)).size).toBe(parts.length)
    parts.forEach((part, index) => {
      const offset = offsets[index] ?? 0
      expect(same(part, bytes.subarray(offset, offset + SEGMENT))).toBe(true)
    })
  })
})

describe('onStored', () => {
  it('tells each new block once, when it is durable', async () => {
    await using folder = await temporaryFolder()
    const told: string[] = []
    await using open = await openStore({
      folder: folder.path,
      onStored: (cid) => told.push(cid.toString()),
    })
    const blocks = [randomBytes(10), randomBytes(100_000)]
    await using lease = open.store.lease()
    for (const block of blocks) await lease.put(rawCid(block), block)
    expect(told).toEqual([])
    await lease.sync()
    const cids = blocks.map((block) => rawCid(block).toString()).sort()
    expect(told.toSorted()).toEqual(cids)
    await stored(open, ...blocks)
    expect(told).toHaveLength(2)
  })

  it('tells nothing of a block that could not be stored, and harms none by throwing', async () => {
    await using folder = await temporaryFolder()
    const told: CID[] = []
    const broken = { now: true }
    const files = createFilePort({
      before: ({ name, path }) => {
        if (!broken.now || name !== 'write' || !path.endsWith('.data')) return
        return Object.assign(new Error('EIO: made by the test'), { code: 'EIO' })
      },
    })
    const onStored = (cid: CID) => {
      told.push(cid)
      throw new Error('a listener that fails')
    }
    await using open = await openStore({ folder: folder.path, files, onStored })
    const block = randomBytes(100_000)
    await expect(stored(open, block)).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(told).toEqual([])
    broken.now = false
    await stored(open, block)
    expect(told).toHaveLength(1)
    expect(same(await open.store.get(rawCid(block)), block)).toBe(true)
  })
})

describe('look-ups that follow each other', () => {
  it('see what was acknowledged, and hold up no checkpoint', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const seenAtOnce = (cid: CID) => [1, 2, 3].map(() => open.store.has(cid))
    for (let round = 0; round < 20; round++) {
      const block = randomBytes(round % 2 === 0 ? 100 : 70_000)
      const cid = rawCid(block)
      expect(seenAtOnce(cid)).toEqual([false, false, false])
      const storing = stored(open, block)
      seenAtOnce(identity)
      await storing
      expect(seenAtOnce(cid)).toEqual([true, true, true])
      expect(await Promise.all([1, 2, 3].map(() => open.store.size(cid)))).toEqual(
        [1, 2, 3].map(() => block.length),
      )
      const deleting = open.store.delete(cid)
      seenAtOnce(rawCid(randomBytes(5)))
      await deleting
      expect(seenAtOnce(cid)).toEqual([false, false, false])
      expect(open.db.reader.inTransaction).toBe(true)
      await open.db.checkpoint()
      expect(open.db.reader.inTransaction).toBe(false)
    }
  })

  it('work where the reader is the writer', async () => {
    await using open = await openStore({ folder: null })
    const blocks = Array.from({ length: 50 }, () => randomBytes(100))
    const storing = stored(open, ...blocks)
    for (const block of blocks) open.store.has(rawCid(block))
    await storing
    expect(blocks.every((block) => open.store.has(rawCid(block)))).toBe(true)
    const got = await Promise.all(blocks.map((block) => open.store.get(rawCid(block))))
    expect(got.every((bytes, index) => same(bytes, blocks[index] ?? bytes.subarray(1)))).toBe(true)
  })
})
