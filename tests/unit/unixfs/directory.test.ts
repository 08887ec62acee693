import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { describe, expect, test } from 'vitest'
import { DAG_PB } from '../../../src/core/cid.ts'
import type { FolderEntry } from '../../../src/core/content.ts'
import { listDirectory, listEntries, walkFolder } from '../../../src/unixfs/directory.ts'
import { importFile, importFolder } from '../../../src/unixfs/import.ts'
import { statNode } from '../../../src/unixfs/stat.ts'
import { noise } from './deterministic.ts'
import { putBlock, putFile, putFolder, putNode, putRaw, TYPE } from './hand-made.ts'
import { all, collect, failure, MemoryBlocks, pieces, SilentBlocks } from './memory-blocks.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function mixedFolder(blocks: MemoryBlocks) {
  const raw = await putRaw(blocks, Buffer.from('raw'))
  const file = await putFile(blocks, [
    { cid: raw, bytes: 3 },
    { cid: raw, bytes: 3 },
  ])
  const link = await putNode(blocks, { type: TYPE.symlink, data: Buffer.from('/etc') })
  const empty = await putFolder(blocks, [])
  const sub = await putFolder(blocks, [{ name: 'file', cid: file, dagBytes: 50 }])
  const cid = await putFolder(blocks, [
    { name: 'empty', cid: empty, dagBytes: 4 },
    { name: 'file', cid: file, dagBytes: 100 },
    { name: 'link', cid: link, dagBytes: 8 },
    { name: 'raw', cid: raw, dagBytes: 3 },
    { name: 'sub', cid: sub, dagBytes: 200 },
  ])
  return { raw, file, link, empty, sub, cid }
}

test('a listing tells kind and size of each name, and fetches no raw child', async () => {
  const blocks = new MemoryBlocks()
  const { cid, raw, file, link, empty, sub } = await mixedFolder(blocks)
  const subBytes = (await blocks.get(sub)).byteLength + 50
  blocks.gets.length = 0
  expect(await all(listEntries(blocks, cid))).toEqual([
    { name: 'empty', cid: empty.toString(), kind: 'directory', bytes: 4 },
    { name: 'file', cid: file.toString(), kind: 'file', bytes: 6 },
    { name: 'link', cid: link.toString(), kind: 'symlink', bytes: 4 },
    { name: 'raw', cid: raw.toString(), kind: 'file', bytes: 3 },
    { name: 'sub', cid: sub.toString(), kind: 'directory', bytes: subBytes },
  ])
  expect(blocks.gets).not.toContain(raw.toString())
})

test('names with what the DAG says of them, without a look at the children', async () => {
  const blocks = new MemoryBlocks()
  const { cid, sub } = await mixedFolder(blocks)
  blocks.gets.length = 0
  const listed = await all(listDirectory(blocks, cid))
  expect(listed.map(({ name, dagBytes }) => [name, dagBytes])).toEqual([
    ['empty', 4],
    ['file', 100],
    ['link', 8],
    ['raw', 3],
    ['sub', 200],
  ])
  expect(listed[4]?.cid.equals(sub)).toBe(true)
  expect(blocks.gets).toEqual([cid.toString()])
})

test('a raw child whose link claims no size is looked at', async () => {
  const blocks = new MemoryBlocks()
  const raw = await putRaw(blocks, Buffer.from('12345'))
  const link = [0x0a, raw.bytes.length, ...raw.bytes, 0x12, 1, 0x61]
  const cid = await putBlock(blocks, Uint8Array.from([0x12, link.length, ...link, 0x0a, 2, 8, 1]))
  expect((await all(listEntries(blocks, cid)))[0]?.bytes).toBe(5)
  expect((await all(listDirectory(blocks, cid)))[0]?.dagBytes).toBe(0)
})

describe('stat', () => {
  test('of each kind', async () => {
    const blocks = new MemoryBlocks()
    const { cid, raw, file, link, sub } = await mixedFolder(blocks)
    const node = { codec: 'dag-pb', sharded: false }
    expect(await statNode(blocks, raw)).toEqual({
      cid: raw.toString(),
      kind: 'file',
      bytes: 3,
      links: 0,
      codec: 'raw',
      sharded: false,
    })
    expect(await statNode(blocks, file)).toEqual({
      ...node,
      cid: file.toString(),
      kind: 'file',
      bytes: 6,
      links: 2,
    })
    const bytes = (await blocks.get(sub)).byteLength + 50
    expect(await statNode(blocks, sub)).toEqual({
      ...node,
      cid: sub.toString(),
      kind: 'directory',
      bytes,
      links: 1,
    })
    expect((await statNode(blocks, cid)).links).toBe(5)
    expect((await failure(statNode(blocks, link))).code).toBe('UNSUPPORTED_ENTRY')
  })

  test('of a folder, the size its import tells', async () => {
    const blocks = new MemoryBlocks()
    async function* entries(): AsyncGenerator<FolderEntry> {
      await Promise.resolve()
      for (let index = 0; index < 6000; index++) {
        yield {
          kind: 'file',
          path: `${index % 7}/file-${index}`,
          size: 4,
          content: pieces(Buffer.from('1234')),
        }
      }
    }
    const { cid, dagBytes } = await importFolder(blocks, entries())
    expect((await statNode(blocks, cid)).bytes).toBe(dagBytes)
  })
})

describe('a walk', () => {
  test('is depth first, and content comes when it is read', async () => {
    const blocks = new MemoryBlocks()
    const large = noise(3_000_000, 'walk')
    async function* entries(): AsyncGenerator<FolderEntry> {
      await Promise.resolve()
      yield { kind: 'file', path: 'b/large', size: large.byteLength, content: pieces(large) }
      yield { kind: 'file', path: 'b/a/small', size: 5, content: pieces(Buffer.from('small')) }
      yield { kind: 'directory', path: 'a' }
      yield { kind: 'file', path: 'c', size: 0, content: pieces(new Uint8Array(0)) }
    }
    const { cid } = await importFolder(blocks, entries())
    const seen: [string, string | undefined][] = []
    for await (const entry of walkFolder(blocks, cid)) {
      const bytes = entry.kind === 'file' ? await collect(entry.content) : undefined
      expect(bytes?.byteLength).toBe(entry.kind === 'file' ? entry.size : undefined)
      seen.push([entry.path, bytes && sha256(bytes)])
    }
    expect(seen).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['b/a', undefined],
      ['b/a/small', sha256(Buffer.from('small'))],
      ['b/large', sha256(large)],
      ['c', sha256(new Uint8Array(0))],
    ])
  })

  test('fetches no content that is not read', async () => {
    const blocks = new MemoryBlocks()
    const { cid: file } = await importFile(blocks, pieces(noise(5_000_000, 'unread')))
    const cid = await putFolder(blocks, [{ name: 'file', cid: file }])
    blocks.gets.length = 0
    await all(walkFolder(blocks, cid))
    expect(blocks.gets.toSorted()).toEqual([cid.toString(), file.toString()].toSorted())
  })

  test('a raw file is fetched once for its size and its content', async () => {
    const blocks = new MemoryBlocks()
    const raw = await putRaw(blocks, Buffer.from('raw'))
    const cid = await putFolder(blocks, [{ name: 'raw', cid: raw, dagBytes: 999 }])
    blocks.gets.length = 0
    for await (const entry of walkFolder(blocks, cid)) {
      expect(entry).toMatchObject({ kind: 'file', size: 3 })
      if (entry.kind === 'file') expect((await collect(entry.content)).toString()).toBe('raw')
    }
    expect(blocks.gets.length).toBe(2)
  })

  test('content may be read after the walk has gone on or stopped', async () => {
    const blocks = new MemoryBlocks()
    const raw = await putRaw(blocks, Buffer.from('later'))
    const file = await putFile(blocks, [{ cid: raw, bytes: 5 }])
    const cid = await putFolder(blocks, [
      { name: 'a', cid: file },
      { name: 'b', cid: raw },
    ])
    const entries = await all(walkFolder(blocks, cid))
    for (const entry of entries) {
      if (entry.kind === 'file') expect((await collect(entry.content)).toString()).toBe('later')
    }
    expect(entries.length).toBe(2)
  })

  test('looks a bounded number of children ahead', async () => {
    const blocks = new MemoryBlocks()
    const links = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const cid = await putRaw(blocks, Buffer.from(`${index}`))
        return { name: String(index).padStart(3, '0'), cid }
      }),
    )
    const cid = await putFolder(blocks, links)
    blocks.gets.length = 0
    const walk = walkFolder(blocks, cid)
    await walk.next()
    await sleep(10)
    expect(blocks.gets.length).toBeLessThanOrEqual(34)
    await walk.return()
  })
})

describe('ends', () => {
  test.each([
    ['a listing', listDirectory],
    ['a listing with sizes', listEntries],
    ['a walk', walkFolder],
  ])('%s of a file is NOT_A_DIRECTORY', async (_what, list) => {
    const blocks = new MemoryBlocks()
    const { raw, file, link } = await mixedFolder(blocks)
    for (const cid of [raw, file, link]) {
      expect((await failure(all<unknown>(list(blocks, cid)))).code).toBe('NOT_A_DIRECTORY')
    }
  })

  test.each([
    ['a listing with sizes', listEntries],
    ['a walk', walkFolder],
  ])('%s at once when it is left or aborted while blocks are on their way', async (_what, list) => {
    const blocks = new SilentBlocks()
    const children = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const cid = await putNode(blocks, {
          type: TYPE.file,
          data: Buffer.from(name),
          fileBytes: 1,
        })
        return { name, cid }
      }),
    )
    const cid = await putFolder(blocks, children)
    blocks.answered.add(cid.toString())
    const left = list(blocks, cid)
    const pending = left.next()
    await sleep(10)
    await left.return()
    expect((await pending).done).toBe(true)
    expect(blocks.aborted.length).toBe(3)
    const abort = new AbortController()
    const aborted = failure(all<unknown>(list(blocks, cid, { signal: abort.signal })))
    await sleep(10)
    abort.abort()
    expect((await aborted).code).toBe('CANCELLED')
    expect(blocks.aborted.length).toBe(6)
  })

  test('an error of the source is told after the entries before it', async () => {
    const blocks = new MemoryBlocks()
    const missing = CID.createV1(
      DAG_PB,
      (await putRaw(new MemoryBlocks(), Buffer.from('gone'))).multihash,
    )
    const raw = await putRaw(blocks, Buffer.from('x'))
    const cid = await putFolder(blocks, [
      { name: 'a', cid: raw },
      { name: 'b', cid: missing },
      { name: 'c', cid: raw },
    ])
    for (const list of [listEntries, walkFolder]) {
      const names: string[] = []
      const listing = async () => {
        for await (const entry of list(blocks, cid))
          names.push('name' in entry ? entry.name : entry.path)
      }
      expect((await failure(listing())).code).toBe('CONTENT_NOT_FOUND')
      expect(names).toEqual(['a'])
    }
  })
})

test('a folder in its CID is listed', async () => {
  const cid = CID.createV1(DAG_PB, identity.digest(Uint8Array.of(0x0a, 2, 8, 1)))
  expect(await all(listEntries(new MemoryBlocks(), cid))).toEqual([])
})
