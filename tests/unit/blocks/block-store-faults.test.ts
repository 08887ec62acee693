import { randomBytes } from 'node:crypto'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import {
  blockFileName,
  blockFiles,
  openStore,
  rawCid,
  temporaryFolder,
} from '../../support/block-store.ts'

const MIB = 1024 * 1024

describe('a full or failing disk', () => {
  it.each([
    ['ENOSPC', 'write', 'STORAGE_FULL'],
    ['EIO', 'write', 'STORAGE_IO'],
    ['EIO', 'datasync', 'STORAGE_IO'],
  ])(
    '%s in %s fails the lease with %s, leaves no file, and the next put works',
    async (code, name, expected) => {
      await using folder = await temporaryFolder()
      const broken = { now: true }
      const files = createFilePort({
        before: (operation) => {
          if (!broken.now || operation.name !== name || !operation.path.endsWith('.data')) return
          return Object.assign(new Error(`${code}: made by the test`), { code })
        },
      })
      await using open = await openStore({ folder: folder.path, files })
      const bytes = randomBytes(MIB)
      {
        await using lease = open.store.lease()
        await lease.put(rawCid(bytes), bytes)
        await expect(lease.sync()).rejects.toMatchObject({ code: expected })
        await expect(lease.put(rawCid(bytes), bytes)).rejects.toMatchObject({ code: expected })
      }
      expect(open.store.has(rawCid(bytes))).toBe(false)
      expect(await blockFiles(folder.path)).toEqual([])
      broken.now = false
      await using lease = open.store.lease()
      await lease.put(rawCid(bytes), bytes)
      await lease.sync()
      expect(Buffer.compare(await open.store.get(rawCid(bytes)), bytes)).toBe(0)
    },
  )

  it('a file that cannot be closed is none, and is not left behind', async () => {
    await using folder = await temporaryFolder()
    const files = createFilePort({
      before: ({ name, path }) => {
        if (name !== 'close' || !path.endsWith('.data')) return
        return Object.assign(new Error('EIO: made by the test'), { code: 'EIO' })
      },
    })
    await using open = await openStore({ folder: folder.path, files })
    await using lease = open.store.lease()
    const bytes = randomBytes(MIB)
    await lease.put(rawCid(bytes), bytes)
    await expect(lease.sync()).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(await blockFiles(folder.path)).toEqual([])
  })

  it('what could not be removed is removed at the next start, however many directories came since', async () => {
    await using folder = await temporaryFolder()
    let failures = 2
    const files = createFilePort({
      before: ({ name, path }) => {
        if (failures === 0 || !path.endsWith('.data') || !['datasync', 'unlink'].includes(name))
          return
        failures -= 1
        return Object.assign(new Error('EIO: made by the test'), { code: 'EIO' })
      },
    })
    const wholeDirectory = limits.filesPerDirectory
    Object.assign(limits, { filesPerDirectory: 2 })
    const kept = [1, 2, 3, 4].map(() => randomBytes(100_000))
    try {
      await using open = await openStore({ folder: folder.path, files })
      {
        await using lease = open.store.lease()
        const lost = randomBytes(100_000)
        await lease.put(rawCid(lost), lost)
        await expect(lease.sync()).rejects.toMatchObject({ code: 'STORAGE_IO' })
      }
      await using lease = open.store.lease()
      for (const bytes of kept) await lease.put(rawCid(bytes), bytes)
      await lease.sync()
      expect(await blockFiles(folder.path)).toHaveLength(kept.length + 1)
    } finally {
      Object.assign(limits, { filesPerDirectory: wholeDirectory })
    }
    await using again = await openStore({ folder: folder.path })
    expect(await blockFiles(folder.path)).toHaveLength(kept.length)
    expect(kept.every((bytes) => again.store.has(rawCid(bytes)))).toBe(true)
  })

  it('never has more of a lease unsynced than the limit says', async () => {
    await using folder = await temporaryFolder()
    let synced = 0
    let taken = 0
    let most = 0
    const files = createFilePort({
      before: async ({ name, path }) => {
        if (!path.endsWith('.data')) return
        if (name === 'datasync') await new Promise((resolve) => setTimeout(resolve, 5))
        if (name === 'close') synced += 1
      },
    })
    await using open = await openStore({ folder: folder.path, files })
    await using lease = open.store.lease()
    const puts = Array.from({ length: 120 }, async () => {
      const bytes = randomBytes(MIB)
      await lease.put(rawCid(bytes), bytes)
      taken += 1
      most = Math.max(most, taken - synced)
    })
    await Promise.all(puts)
    expect(most).toBeLessThanOrEqual(limits.leaseDirtyBytes / MIB)
    await lease.sync()
    expect(synced).toBe(120)
  })
})

describe('what a crash leaves', () => {
  it('files without a row are removed at the next start, named ones stay', async () => {
    await using folder = await temporaryFolder()
    const bytes = randomBytes(MIB)
    {
      await using open = await openStore({ folder: folder.path })
      await using lease = open.store.lease()
      await lease.put(rawCid(bytes), bytes)
      await lease.sync()
    }
    const [named = ''] = await blockFiles(folder.path)
    const debris = randomBytes(MIB)
    const debrisPath = join(named, '..', blockFileName(debris))
    await writeFile(debrisPath, debris.subarray(0, 1000))
    await using again = await openStore({ folder: folder.path })
    expect(await blockFiles(folder.path)).toEqual([named])
    await using lease = again.store.lease()
    await lease.put(rawCid(debris), debris)
    await lease.sync()
    expect((await stat(debrisPath)).size).toBe(MIB)
  })

  it('a file without a row in the way of a put is replaced', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const first = randomBytes(100_000)
    await using lease = open.store.lease()
    await lease.put(rawCid(first), first)
    await lease.sync()
    const [named = ''] = await blockFiles(folder.path)
    const bytes = randomBytes(100_000)
    await writeFile(join(named, '..', blockFileName(bytes)), 'debris')
    await lease.put(rawCid(bytes), bytes)
    await lease.sync()
    expect(Buffer.compare(await open.store.get(rawCid(bytes)), bytes)).toBe(0)
  })
})

describe('deleting', () => {
  it('takes away row, links and file, and a put at the same time is whole afterwards', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const bytes = randomBytes(MIB)
    const cid = rawCid(bytes)
    await using lease = open.store.lease()
    await lease.put(cid, bytes)
    await lease.sync()
    const putAgain = async () => {
      await lease.put(cid, bytes)
      await lease.sync()
    }
    await Promise.all([open.store.delete(cid), putAgain()])
    if (open.store.has(cid)) expect(Buffer.compare(await open.store.get(cid), bytes)).toBe(0)
    await open.store.delete(cid)
    expect(open.store.has(cid)).toBe(false)
    expect(await blockFiles(folder.path)).toEqual([])
    expect(open.store.totals()).toEqual({ blocks: 0, bytes: 0, fileBytes: 0 })
    await lease.put(cid, bytes)
    await lease.sync()
    expect(Buffer.compare(await open.store.get(cid), bytes)).toBe(0)
  })
})
