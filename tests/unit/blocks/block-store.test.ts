import { randomBytes } from 'node:crypto'
import { readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { describe, expect, it } from 'vitest'
import { blockIndex } from '../../../src/blocks/block-index.ts'
import { DAG_PB, RAW } from '../../../src/core/cid.ts'
import { limits } from '../../../src/core/limits.ts'
import { unpackLinks } from '../../../src/db/packed-links.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { blockFiles, openStore, rawCid, temporaryFolder } from '../../support/block-store.ts'

const MIB = 1024 * 1024

async function dagPbBlock(children: readonly CID[]): Promise<{ cid: CID; bytes: Uint8Array }> {
  const links = children.map((Hash) => ({ Hash, Name: '', Tsize: 1 }))
  const bytes = dagPb.encode(dagPb.prepare({ Data: Uint8Array.of(8, 1), Links: links }))
  return { cid: CID.createV1(DAG_PB, await sha256.digest(bytes)), bytes }
}

describe('putting', () => {
  it('keeps small blocks in the database and large ones in files, durable after sync', async () => {
    await using folder = await temporaryFolder()
    const small = randomBytes(limits.inlineBlockBytes)
    const large = randomBytes(limits.inlineBlockBytes + 1)
    {
      await using open = await openStore({ folder: folder.path })
      await using lease = open.store.lease()
      await lease.put(rawCid(small), small)
      await lease.put(rawCid(large), large)
      await lease.sync()
      expect(lease.newBytes).toBe(small.length + large.length)
    }
    expect(await blockFiles(folder.path)).toHaveLength(1)
    await using again = await openStore({ folder: folder.path })
    expect(await again.store.get(rawCid(small))).toEqual(small)
    expect(await again.store.get(rawCid(large))).toEqual(large)
    expect(again.store.totals()).toEqual({
      ...{ blocks: 2, bytes: small.length + large.length },
      fileBytes: 4096 * Math.ceil(large.length / 4096),
    })
  })

  it('refuses bytes that are not what the CID names, and blocks that are too large', async () => {
    await using open = await openStore({ folder: null })
    await using lease = open.store.lease()
    const right = randomBytes(100)
    await expect(lease.put(rawCid(right), randomBytes(100))).rejects.toMatchObject({
      code: 'BLOCK_REJECTED',
    })
    const huge = new Uint8Array(limits.maxBlockBytes + 1)
    await expect(lease.put(rawCid(huge), huge)).rejects.toMatchObject({ code: 'BLOCK_REJECTED' })
    const blake3 = CID.decode(Uint8Array.from([1, 0x55, 0x1e, 4, 1, 2, 3, 4]))
    await expect(lease.put(blake3, right)).rejects.toMatchObject({ code: 'UNSUPPORTED_CODEC' })
    expect(open.store.has(rawCid(right))).toBe(false)
  })

  it('makes one write of many puts of one block at once', async () => {
    await using folder = await temporaryFolder()
    const opened: string[] = []
    const files = createFilePort({
      before: ({ name, path }) => {
        if (name === 'open' && path.endsWith('.data')) opened.push(path)
      },
    })
    await using open = await openStore({ folder: folder.path, files })
    const bytes = randomBytes(MIB)
    const leases = Array.from({ length: 20 }, () => open.store.lease())
    await Promise.all(leases.map((lease) => lease.put(rawCid(bytes), bytes)))
    await Promise.all(leases.map((lease) => lease.sync()))
    expect(opened).toHaveLength(1)
    expect(leases.map(({ newBytes }) => newBytes).filter((count) => count > 0)).toEqual([MIB])
    expect(leases.reduce((sum, { reusedBytes }) => sum + reusedBytes, 0)).toBe(19 * MIB)
    await Promise.all(leases.map((lease) => lease[Symbol.asyncDispose]()))
  })

  it('shows a block before it is durable, to readers and to other leases', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const bytes = randomBytes(MIB)
    await using lease = open.store.lease()
    await lease.put(rawCid(bytes), bytes)
    expect(open.store.has(rawCid(bytes))).toBe(true)
    expect(await open.store.get(rawCid(bytes))).toEqual(bytes)
    expect(await open.store.getPart(rawCid(bytes), { offset: 70_000, length: 10 })).toEqual(
      bytes.subarray(70_000, 70_010),
    )
  })

  it('keeps the blocks of a lease that ends without sync, and names them all', async () => {
    await using folder = await temporaryFolder()
    const blocks = Array.from({ length: 30 }, () => randomBytes(100_000))
    {
      await using open = await openStore({ folder: folder.path })
      await using lease = open.store.lease()
      for (const block of blocks) await lease.put(rawCid(block), block)
    }
    await using again = await openStore({ folder: folder.path })
    for (const block of blocks) expect(await again.store.get(rawCid(block))).toEqual(block)
    expect(await blockFiles(folder.path)).toHaveLength(blocks.length)
  })

  it('fills directories in order, so many files each', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path, inlineBytes: 0 })
    await using lease = open.store.lease()
    const count = limits.filesPerDirectory + 10
    for (let i = 0; i < count; i++) {
      const bytes = Buffer.from(`block ${i}`)
      await lease.put(rawCid(bytes), bytes)
    }
    await lease.sync()
    const directories = (await readdir(join(folder.path, 'blocks'))).sort()
    const counts = directories.map(async (name) => {
      return (await readdir(join(folder.path, 'blocks', name))).length
    })
    expect(await Promise.all(counts)).toEqual([limits.filesPerDirectory, 10])
  })
})

describe('links', () => {
  it('are recorded by codec, also when the block was there as raw before', async () => {
    await using open = await openStore({ folder: null })
    const child = randomBytes(10)
    const absent = rawCid(randomBytes(10))
    const parent = await dagPbBlock([rawCid(child), absent])
    const asRaw = CID.createV1(RAW, parent.cid.multihash)
    await using lease = open.store.lease()
    await lease.put(asRaw, parent.bytes)
    await lease.sync()
    await lease.put(parent.cid, parent.bytes)
    await lease.put(rawCid(child), child)
    await lease.sync()
    const { reader } = open.db
    const row = blockIndex.find(reader, parent.cid.multihash.bytes)
    const links = unpackLinks(blockIndex.links(reader, row?.id ?? 0, DAG_PB) ?? new Uint8Array())
    const ids = [rawCid(child), absent].map(
      ({ multihash }) => blockIndex.find(reader, multihash.bytes)?.id,
    )
    expect(links).toEqual(ids.map((id) => ({ child: id, codec: RAW })))
    expect(blockIndex.hasLinks(reader, row?.id ?? 0, RAW)).toBe(false)
    expect(open.store.has(absent)).toBe(false)
    expect(open.store.totals().blocks).toBe(2)
  })

  it('refuses a block that is not of its codec', async () => {
    await using open = await openStore({ folder: null })
    await using lease = open.store.lease()
    const bytes = Buffer.from('no protobuf at all')
    const cid = CID.createV1(DAG_PB, await sha256.digest(bytes))
    await expect(lease.put(cid, bytes)).rejects.toMatchObject({ code: 'BLOCK_REJECTED' })
  })
})

describe('generations', () => {
  it('move a block to the running one when it is met again', async () => {
    await using folder = await temporaryFolder()
    const bytes = randomBytes(100)
    const put = async () => {
      await using open = await openStore({ folder: folder.path })
      await using lease = open.store.lease()
      await lease.put(rawCid(bytes), bytes)
      await lease.sync()
      const epoch = blockIndex.find(open.db.reader, rawCid(bytes).multihash.bytes)?.epoch
      await open.db.write((writer) => {
        writer.prepare("UPDATE meta SET value = 2 WHERE key = 'epoch'").run()
      })
      return epoch
    }
    expect([await put(), await put()]).toEqual([1, 2])
  })
})

describe('reading', () => {
  it('gives parts of a file block by its segments, and refuses parts beyond it', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const bytes = randomBytes(MIB - 77)
    await using lease = open.store.lease()
    await lease.put(rawCid(bytes), bytes)
    await lease.sync()
    for (const [offset, length] of [
      [0, 1],
      [65_535, 2],
      [65_536, 65_536],
      [bytes.length - 1, 1],
      [0, bytes.length],
      [500_000, 300_001],
      [bytes.length, 0],
    ] as const) {
      const part = await open.store.getPart(rawCid(bytes), { offset, length })
      expect(Buffer.compare(part, bytes.subarray(offset, offset + length))).toBe(0)
    }
    await expect(
      open.store.getPart(rawCid(bytes), { offset: bytes.length - 1, length: 2 }),
    ).rejects.toMatchObject({ code: 'INVALID_RANGE' })
  })

  it('finds damage in whole blocks and in parts, and a put mends it, also after a restart', async () => {
    await using folder = await temporaryFolder()
    const bytes = randomBytes(MIB)
    const cid = rawCid(bytes)
    const put = async () => {
      await using open = await openStore({ folder: folder.path })
      await using lease = open.store.lease()
      await lease.put(cid, bytes)
      await lease.sync()
      return lease.newBytes
    }
    await put()
    const [file = ''] = await blockFiles(folder.path)
    const damaged = await readFile(file)
    damaged[300_000] = (damaged[300_000] ?? 0) ^ 1
    await writeFile(file, damaged)
    {
      await using open = await openStore({ folder: folder.path })
      const good = await open.store.getPart(cid, { offset: 0, length: 65_536 })
      expect(Buffer.compare(good, bytes.subarray(0, 65_536))).toBe(0)
      const corrupt = { code: 'BLOCK_CORRUPT' }
      await expect(open.store.getPart(cid, { offset: 299_000, length: 5 })).rejects.toMatchObject(
        corrupt,
      )
      await expect(open.store.get(cid)).rejects.toMatchObject(corrupt)
    }
    expect(await put()).toBe(MIB)
    await using again = await openStore({ folder: folder.path })
    expect(Buffer.compare(await again.store.get(cid), bytes)).toBe(0)
    expect(again.store.totals()).toEqual({ blocks: 1, bytes: MIB, fileBytes: MIB })
    expect(await blockFiles(folder.path)).toHaveLength(1)
  })

  it.each([
    ['missing', (file: string) => unlink(file)],
    ['cut short', (file: string) => truncate(file, 1000)],
  ])(
    'calls a file that is %s damage, not absence; the next put writes it anew',
    async (_, spoil) => {
      await using folder = await temporaryFolder()
      await using open = await openStore({ folder: folder.path })
      const bytes = randomBytes(200_000)
      const cid = rawCid(bytes)
      {
        await using lease = open.store.lease()
        await lease.put(cid, bytes)
        await lease.sync()
      }
      const [file = ''] = await blockFiles(folder.path)
      await spoil(file)
      await expect(open.store.get(cid)).rejects.toMatchObject({ code: 'BLOCK_CORRUPT' })
      await using lease = open.store.lease()
      await lease.put(cid, bytes)
      await lease.sync()
      expect(lease.newBytes).toBe(bytes.length)
      expect(Buffer.compare(await open.store.get(cid), bytes)).toBe(0)
    },
  )

  it('calls a file that cannot be read an I/O error', async () => {
    await using folder = await temporaryFolder()
    const broken = { now: false }
    const files = createFilePort({
      before: ({ name, path }) => {
        if (!broken.now || name !== 'open' || !path.endsWith('.data')) return
        return Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
      },
    })
    await using open = await openStore({ folder: folder.path, files })
    const bytes = randomBytes(200_000)
    {
      await using lease = open.store.lease()
      await lease.put(rawCid(bytes), bytes)
      await lease.sync()
    }
    broken.now = true
    await expect(open.store.get(rawCid(bytes))).rejects.toMatchObject({ code: 'STORAGE_IO' })
    broken.now = false
    expect(Buffer.compare(await open.store.get(rawCid(bytes)), bytes)).toBe(0)
  })

  it('answers identity CIDs out of themselves', async () => {
    await using open = await openStore({ folder: null })
    const cid = CID.decode(Uint8Array.from([1, 0x55, 0, 3, 1, 2, 3]))
    expect(open.store.has(cid)).toBe(true)
    expect(await open.store.get(cid)).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('says what is not there', async () => {
    await using open = await openStore({ folder: null })
    const cid = rawCid(randomBytes(10))
    expect(open.store.has(cid)).toBe(false)
    await expect(open.store.get(cid)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
  })
})
