import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { describe, expect, it } from 'vitest'
import { DAG_PB } from '../../../src/core/cid.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { blockFiles, rawCid, temporaryFolder } from '../../support/block-store.ts'
import { codeOf, failureOf } from '../../support/failure.ts'
import { counted, openRetrieval, putAll, someBlock } from './open-retrieval.ts'
import { having, nobodyHasIt, ScriptedFetcher } from './scripted-fetcher.ts'

const MIB = 1024 * 1024

/** A disk that is full while `full` is true. */
function fillingDisk() {
  const disk = { full: false }
  const files = createFilePort({
    before: ({ name, path }) => {
      if (!disk.full || name !== 'write' || !path.endsWith('.data')) return
      return Object.assign(new Error('ENOSPC: made by the test'), { code: 'ENOSPC' })
    },
  })
  return { disk, files }
}

describe('what was fetched', () => {
  it('is on the disk when its session is disposed, and stays without the network', async () => {
    await using folder = await temporaryFolder()
    const blocks = [someBlock(100), someBlock(MIB)] as const
    {
      await using open = await openRetrieval({ folder: folder.path, fetchers: [having(...blocks)] })
      await using session = open.retrieval.session()
      await session.get(blocks[0][0], { passing: true })
      await session.size(blocks[1][0])
    }
    await using again = await openRetrieval({ folder: folder.path })
    await using session = again.retrieval.session()
    for (const [cid, bytes] of blocks) {
      expect(Buffer.compare(await session.get(cid), bytes)).toBe(0)
    }
  })

  it("is not stored with keep 'none'", async () => {
    const [cid, bytes] = someBlock()
    await using open = await openRetrieval({ fetchers: [having([cid, bytes])], keep: 'none' })
    {
      await using session = open.retrieval.session()
      expect(await session.get(cid)).toEqual(bytes)
    }
    expect(open.store.totals().blocks).toBe(0)
  })

  it('is read after its session was disposed, and then not kept', async () => {
    const [cid, bytes] = someBlock()
    await using open = await openRetrieval({ fetchers: [having([cid, bytes])] })
    const session = open.retrieval.session()
    await session[Symbol.asyncDispose]()
    expect(await session.get(cid)).toEqual(bytes)
    expect(open.store.totals().blocks).toBe(0)
  })

  it('is given even when it is no block of its codec, and not kept', async () => {
    const bytes = Buffer.from('this is no dag-pb')
    const cid = CID.createV1(DAG_PB, await sha256.digest(bytes))
    const [other, otherBytes] = someBlock()
    const fetcher = having([cid, bytes], [other, otherBytes])
    await using open = await openRetrieval({ fetchers: [fetcher] })
    {
      await using session = open.retrieval.session()
      expect(await session.get(cid)).toEqual(bytes)
      await session.get(other)
    }
    expect(open.store.has(cid)).toBe(false)
    expect(open.store.has(other)).toBe(true)
    expect(open.log).toEqual([])
  })
})

describe("under a caller's lease", () => {
  it("is put whatever the policy, and durable with the caller's sync", async () => {
    const [cid, bytes] = someBlock()
    const child = CID.createV1(DAG_PB, cid.multihash)
    const node = dagPb.encode({ Links: [{ Hash: child, Name: 'x', Tsize: 1 }] })
    const root = CID.createV1(DAG_PB, await sha256.digest(node))
    const fetcher = having([cid, bytes], [root, node])
    await using open = await openRetrieval({ fetchers: [fetcher], keep: 'none' })
    await using lease = open.store.lease()
    await using session = open.retrieval.session({ lease })
    await session.size(cid)
    expect(Buffer.from(await session.get(root)).equals(node)).toBe(true)
    await lease.sync()
    expect(open.store.totals().blocks).toBe(2)
    expect(lease.newBytes).toBe(bytes.length + node.length)
    expect(lease.reusedBytes).toBe(0)
  })

  it('is what was in memory or on the disk already, too', async () => {
    const [[held, heldBytes], [stored, storedBytes]] = [someBlock(), someBlock()]
    const fetcher = having([held, heldBytes])
    await using open = await openRetrieval({ fetchers: [fetcher], keep: 'none' })
    await using reader = open.retrieval.session()
    await reader.get(held)
    await putAll(open.store, [stored, storedBytes])
    await using lease = open.store.lease()
    await using session = open.retrieval.session({ lease })
    const buffer = Buffer.alloc(1000)
    expect(await session.get(held, { allocate: () => buffer })).toBe(buffer)
    buffer.fill(0)
    await session.getPart(stored, { offset: 0, length: 10 })
    await lease.sync()
    expect(fetcher.questions).toHaveLength(1)
    expect([lease.newBytes, lease.reusedBytes]).toEqual([1000, 1000])
    expect(await open.store.get(held)).toEqual(heldBytes)
  })

  it('fails the read when it cannot be stored: the caller relies on it', async () => {
    await using folder = await temporaryFolder()
    const { disk, files } = fillingDisk()
    disk.full = true
    const blocks = Array.from({ length: 20 }, () => someBlock(MIB))
    const init = { folder: folder.path, files, fetchers: [having(...blocks)] }
    await using open = await openRetrieval(init)
    await using lease = open.store.lease()
    await using session = open.retrieval.session({ lease })
    const codes = []
    for (const [cid] of blocks) codes.push(await codeOf(session.get(cid)).catch(() => 'read'))
    expect(codes.at(-1)).toBe('STORAGE_FULL')
    expect(await codeOf(lease.sync())).toBe('STORAGE_FULL')
  })
})

describe('a full disk', () => {
  it('fails no read of what is fetched: it is said once, and kept again when there is room', async () => {
    await using folder = await temporaryFolder()
    const { disk, files } = fillingDisk()
    const blocks = Array.from({ length: 20 }, () => someBlock(MIB))
    const fetcher = having(...blocks)
    await using open = await openRetrieval({ folder: folder.path, files, fetchers: [fetcher] })
    disk.full = true
    {
      await using session = open.retrieval.session()
      for (const [cid, bytes] of blocks) {
        expect(Buffer.compare(await session.get(cid, { passing: true }), bytes)).toBe(0)
      }
    }
    expect(open.log.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'fetched blocks are not kept'],
    ])
    expect(await blockFiles(folder.path)).toEqual([])
    disk.full = false
    {
      await using session = open.retrieval.session()
      for (const [cid] of blocks) await session.get(cid, { passing: true })
    }
    expect(await blockFiles(folder.path)).toHaveLength(blocks.length)
  })
})

it('a disk that is full for many readers is said to be so once a minute, also after the last read', async () => {
  await using folder = await temporaryFolder()
  const { disk, files } = fillingDisk()
  disk.full = true
  const blocks = Array.from({ length: 9 }, () => someBlock(MIB))
  let now = 0
  const init = { folder: folder.path, files, fetchers: [having(...blocks)], now: () => now }
  await using open = await openRetrieval(init)
  const readAll = async (some: typeof blocks) => {
    await Promise.all(
      some.map(async ([cid]) => {
        await using session = open.retrieval.session()
        await session.get(cid, { passing: true })
      }),
    )
  }
  await readAll(blocks.slice(0, 3))
  expect(open.log).toHaveLength(1)
  now = 59_999
  await readAll(blocks.slice(3, 6))
  expect(open.log).toHaveLength(1)
  now = 60_000
  await readAll(blocks.slice(6))
  expect(open.log).toHaveLength(2)
  expect(open.log[0]).toMatchObject({ level: 'warn', code: 'STORAGE_FULL' })
})

describe('a block that is damaged on the disk', () => {
  async function damagedStore(fetcher: ScriptedFetcher | undefined, keep: 'cache' | 'none') {
    await using stack = new AsyncDisposableStack()
    const folder = stack.use(await temporaryFolder())
    const fetchers = fetcher === undefined ? [] : [fetcher]
    const open = stack.use(
      await openRetrieval({ folder: folder.path, fetchers, keep, cacheBytes: 0 }),
    )
    const [cid, bytes] = someBlock(MIB)
    await putAll(open.store, [cid, bytes])
    const [path = ''] = await blockFiles(folder.path)
    await writeFile(path, Buffer.alloc(MIB))
    const moved = stack.move()
    return { ...open, cid, bytes, [Symbol.asyncDispose]: () => moved.disposeAsync() }
  }

  it.each(['cache', 'none'] as const)(
    'is fetched anew and written anew, with keep %s',
    async (keep) => {
      const fetcher = new ScriptedFetcher()
      await using open = await damagedStore(fetcher, keep)
      for (const work of ['get', 'getPart'] as const) {
        await using session = open.retrieval.session()
        const { cid, bytes } = open
        const got =
          work === 'get' ? session.get(cid) : session.getPart(cid, { offset: 0, length: 9 })
        if (work === 'get') {
          await expect.poll(() => fetcher.questions.length).toBe(1)
          fetcher.question().answer(bytes)
        }
        const expected = work === 'get' ? bytes : bytes.subarray(0, 9)
        expect(Buffer.compare(await got, expected)).toBe(0)
      }
      expect(fetcher.questions).toHaveLength(1)
      expect(Buffer.compare(await open.store.get(open.cid), open.bytes)).toBe(0)
    },
  )

  it('stays BLOCK_CORRUPT where nobody has it, nobody is asked, or there is nobody', async () => {
    const fetcher = new ScriptedFetcher(() => Promise.reject(nobodyHasIt([])))
    await using open = await damagedStore(fetcher, 'cache')
    await using session = open.retrieval.session()
    const error = await failureOf(session.get(open.cid))
    expect(error.code).toBe('BLOCK_CORRUPT')
    expect(fetcher.questions).toHaveLength(1)
    await using offline = open.retrieval.session({ offline: true })
    expect(await codeOf(offline.get(open.cid))).toBe('BLOCK_CORRUPT')
    expect(fetcher.questions).toHaveLength(1)
    await using alone = await damagedStore(undefined, 'cache')
    await using lonely = alone.retrieval.session()
    expect(await codeOf(lonely.getPart(alone.cid, { offset: 0, length: 1 }))).toBe('BLOCK_CORRUPT')
  })
})

/** Memory that nobody holds any more counts until it is collected. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect !== 'function') throw new Error('this Node lets nobody collect')
  return () => collect()
}

it('holds little memory of a large file that passes through it to the disk', async () => {
  await using folder = await temporaryFolder()
  const [count, ahead, cacheBytes] = [192, 8, 8 * MIB]
  const cids = new Map<string, number>()
  const blockOf = (index: number): Buffer => {
    const seed = createHash('sha256').update(`${index}`).digest()
    return Buffer.alloc(MIB, seed)
  }
  const order = Array.from({ length: count }, (_, index) => {
    const cid = rawCid(blockOf(index))
    cids.set(cid.toString(), index)
    return cid
  })
  const fetcher = new ScriptedFetcher((cid) => blockOf(cids.get(cid.toString()) ?? -1))
  await using open = await openRetrieval({ folder: folder.path, fetchers: [fetcher], cacheBytes })
  const collect = collector()
  collect()
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  {
    await using session = open.retrieval.session()
    const waiting: Promise<Uint8Array>[] = []
    for (const [index, cid] of order.entries()) {
      waiting.push(session.get(cid, { passing: true }))
      if (waiting.length === ahead) expect((await waiting.shift())?.length).toBe(MIB)
      if (index % 16 !== 15) continue
      collect()
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    await Promise.all(waiting)
  }
  expect(await counted(open.metrics.fetchedBlocks)).toBe(count)
  expect(await blockFiles(folder.path)).toHaveLength(count)
  expect(most).toBeLessThan(40 * MIB)
})
