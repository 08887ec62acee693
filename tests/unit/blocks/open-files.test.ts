import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import type { Reading } from '../../../src/core/file-port.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import {
  blockFiles,
  openStore,
  rawCid,
  stored,
  temporaryFolder,
} from '../../support/block-store.ts'
import { openFiles } from '../../support/open-files.ts'

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

const identity = CID.decode(Uint8Array.from([1, 0x55, 0, 3, 1, 2, 3]))

describe('files that stay open', () => {
  const part = { offset: 70_000, length: 1000 }

  it('make the next range one operation, and are no more than the bound', async () => {
    await using folder = await temporaryFolder()
    const blocks = Array.from({ length: 10 }, () => randomBytes(100_000))
    {
      await using open = await openStore({ folder: folder.path, openFiles: 4 })
      const cids = await stored(open, ...blocks)
      for (const cid of cids) await open.store.getPart(cid, part)
      await expect.poll(() => openFiles(join(folder.path, 'blocks/'))).toHaveLength(4)
      const before = open.files.operations
      const last = cids.at(-1) ?? identity
      for (let i = 0; i < 5; i++) await open.store.getPart(last, part)
      expect(open.files.operations - before).toBe(5)
      expect(same(await open.store.get(last), blocks.at(-1) ?? identity.bytes)).toBe(true)
    }
    expect(await openFiles(folder.path)).toEqual([])
  })

  it('are not those that are read once, as a whole', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const cids = await stored(open, ...Array.from({ length: 5 }, () => randomBytes(100_000)))
    for (const cid of cids) await open.store.get(cid)
    await expect.poll(() => openFiles(join(folder.path, 'blocks/'))).toEqual([])
  })

  it('are let go when their block is deleted, though never under a reader', async () => {
    await using folder = await temporaryFolder()
    const slow = { now: false }
    const files = createFilePort({
      before: ({ name, path }) =>
        slow.now && name === 'read' && path.endsWith('.data') ? delay(200) : undefined,
    })
    await using open = await openStore({ folder: folder.path, files })
    const bytes = randomBytes(100_000)
    const [cid = identity] = await stored(open, bytes)
    await open.store.getPart(cid, part)
    slow.now = true
    const reading = open.store.getPart(cid, part)
    await open.store.delete(cid)
    expect(same(await reading, bytes.subarray(70_000, 71_000))).toBe(true)
    await expect(open.store.getPart(cid, part)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    await expect.poll(() => openFiles(join(folder.path, 'blocks/'))).toEqual([])
    slow.now = false
    await stored(open, bytes)
    expect(same(await open.store.getPart(cid, part), bytes.subarray(70_000, 71_000))).toBe(true)
  })

  it('are let go when their block is found damaged and written anew', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const bytes = randomBytes(100_000)
    const [cid = identity] = await stored(open, bytes)
    await open.store.getPart(cid, part)
    const [file = ''] = await blockFiles(folder.path)
    const damaged = await readFile(file)
    damaged[70_500] = (damaged[70_500] ?? 0) ^ 1
    await writeFile(file, damaged)
    const corrupt = { code: 'BLOCK_CORRUPT' }
    await expect(open.store.getPart(cid, part)).rejects.toMatchObject(corrupt)
    await stored(open, bytes)
    expect(same(await open.store.getPart(cid, part), bytes.subarray(70_000, 71_000))).toBe(true)
    const now = await blockFiles(folder.path)
    await expect.poll(() => openFiles(join(folder.path, 'blocks/'))).toEqual(now)
  })

  it('a block deleted between look-up and open is not there, and no damage', async () => {
    await using folder = await temporaryFolder()
    const gate = { closed: false }
    const files = createFilePort({
      before: async ({ name, path }) => {
        while (gate.closed && name === 'open' && path.endsWith('.data')) await delay(5)
      },
    })
    await using open = await openStore({ folder: folder.path, files })
    const [cid = identity] = await stored(open, randomBytes(100_000))
    gate.closed = true
    const notFound = { code: 'CONTENT_NOT_FOUND' }
    const whole = expect(open.store.get(cid)).rejects.toMatchObject(notFound)
    const some = expect(open.store.getPart(cid, part)).rejects.toMatchObject(notFound)
    await open.store.delete(cid)
    gate.closed = false
    await Promise.all([whole, some])
  })

  it('one that could not be opened is tried again', async () => {
    await using folder = await temporaryFolder()
    const broken = { now: true }
    const files = createFilePort({
      before: ({ name, path }) => {
        if (!broken.now || name !== 'open' || !path.endsWith('.data')) return
        return Object.assign(new Error('EIO: made by the test'), { code: 'EIO' })
      },
    })
    broken.now = false
    await using open = await openStore({ folder: folder.path, files })
    const [cid = identity] = await stored(open, randomBytes(100_000))
    broken.now = true
    await expect(open.store.getPart(cid, part)).rejects.toMatchObject({ code: 'STORAGE_IO' })
    broken.now = false
    expect(await open.store.getPart(cid, part)).toHaveLength(1000)
  })
})

describe('no descriptor left', () => {
  /** A process that may have so many block files open, and no more. */
  function scarce(descriptors: number) {
    const state = { open: 0, refused: 0 }
    const files = createFilePort({
      before: ({ name, path }) => {
        if (!path.endsWith('.data')) return undefined
        if (name === 'close') state.open -= 1
        if (name !== 'open') return undefined
        if (state.open < descriptors) {
          state.open += 1
          return undefined
        }
        state.refused += 1
        return Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
      },
    })
    return { state, files }
  }

  it.each([1, 3, 12])('with %i of them all reads and writes end well', async (descriptors) => {
    await using folder = await temporaryFolder()
    const { state, files } = scarce(Number.POSITIVE_INFINITY)
    const blocks = Array.from({ length: 30 }, () => randomBytes(100_000))
    {
      await using open = await openStore({ folder: folder.path, files })
      await stored(open, ...blocks)
    }
    expect(state.refused).toBe(0)
    const few = scarce(descriptors)
    await using again = await openStore({ folder: folder.path, files: few.files })
    const read = async (block: Buffer, index: number) => {
      const offset = index * 100
      const got = await again.store.getPart(rawCid(block), { offset, length: 5000 })
      expect(same(got, block.subarray(offset, offset + 5000))).toBe(true)
    }
    const readAll = async (block: Buffer) =>
      expect(same(await again.store.get(rawCid(block)), block)).toBe(true)
    for (let round = 0; round < 3; round++) {
      await Promise.all([...blocks.map(read), ...blocks.map(readAll)])
    }
    expect(few.state.refused).toBeGreaterThan(0)
    await stored(again, randomBytes(100_000))
    await Promise.all(blocks.map(read))
    expect(few.state.open).toBeLessThanOrEqual(descriptors)
  })

  it('and none of ours to give up: it is an error, and over when there is one', async () => {
    await using folder = await temporaryFolder()
    const block = randomBytes(100_000)
    {
      await using open = await openStore({ folder: folder.path })
      await stored(open, block)
    }
    const { state, files } = scarce(1)
    await using again = await openStore({ folder: folder.path, files })
    state.open = 1
    const reading = again.store.getPart(rawCid(block), { offset: 0, length: 10 })
    await expect(reading).rejects.toMatchObject({ code: 'STORAGE_IO' })
    state.open = 0
    expect(await again.store.get(rawCid(block))).toHaveLength(100_000)
  })
})

it('a block whose memory was lost with the first try is read into new memory', async () => {
  await using folder = await temporaryFolder()
  const files = createFilePort()
  const readSummed = files.readSummed.bind(files)
  let refused = 0
  Object.assign(files, {
    async readSummed(path: string, reading: Reading) {
      if (refused > 0) return await readSummed(path, reading)
      refused += 1
      structuredClone(reading.buffer, { transfer: [reading.buffer.buffer] })
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
    },
  })
  await using open = await openStore({ folder: folder.path, files })
  const [whole, part] = [randomBytes(100_000), randomBytes(100_000)]
  await stored(open, whole, part)
  await open.store.getPart(rawCid(part), { offset: 0, length: 10 })
  expect(same(await open.store.get(rawCid(whole)), whole)).toBe(true)
  expect(refused).toBe(1)
})

it('a read whose block is taken away and stored anew before its file is opened looks again', async () => {
  await using folder = await temporaryFolder()
  const gates = new Map([
    ['read', gate()],
    ['write', gate()],
  ])
  let guarded = false
  const files = createFilePort({
    before: ({ name, path }) => {
      const found = guarded && path.endsWith('.data') ? gates.get(name) : undefined
      found?.reached.resolve()
      return found?.open.promise
    },
  })
  await using open = await openStore({ folder: folder.path, files })
  const block = randomBytes(100_000)
  const [cid = identity] = await stored(open, block)
  guarded = true
  const read = open.store.get(cid)
  await gates.get('read')?.reached.promise
  await open.store.delete(cid)
  const again = stored(open, block)
  await gates.get('write')?.reached.promise
  // Its new file is there, and empty.
  gates.get('read')?.open.resolve()
  expect(same(await read, block)).toBe(true)
  gates.get('write')?.open.resolve()
  await again
  expect(same(await open.store.get(cid), block)).toBe(true)
})

it('a thread that finds no descriptor to start with takes some of the idle files', async () => {
  await using folder = await temporaryFolder()
  const program = fileURLToPath(new URL('./read-with-few-descriptors.ts', import.meta.url))
  const command = `ulimit -n 100; exec "$0" "$1" "$2"`
  const args = ['-c', command, process.execPath, program, folder.path]
  const { stdout } = await promisify(execFile)('sh', args, { timeout: 60_000 })
  expect(stdout).toBe('8 of 8\n')
}, 60_000)

/** What somebody reaches, and waits at until it is open. */
function gate() {
  return { reached: Promise.withResolvers<void>(), open: Promise.withResolvers<void>() }
}
