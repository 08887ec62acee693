import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { listDirectory, listEntries, walkFolder } from '../../../src/unixfs/directory.ts'
import { VisitBudget } from '../../../src/unixfs/folder-links.ts'
import { nameHash } from '../../../src/unixfs/name-hash.ts'
import { resolvePath } from '../../../src/unixfs/resolve.ts'
import {
  type HandMadeLink,
  type Message,
  putBlock,
  putFolder,
  putNode,
  putRaw,
  TYPE,
} from './hand-made.ts'
import { all, failure, MemoryBlocks } from './memory-blocks.ts'

const x = Buffer.from('x')

/** A shard with links at the places their names say; all else true unless `lies` say otherwise. */
async function putShard(
  blocks: MemoryBlocks,
  links: readonly HandMadeLink[],
  lies: Message = {},
): Promise<CID> {
  const bits = new Uint8Array(32)
  for (const { name = '' } of links) {
    const slot = Number.parseInt(name.slice(0, 2), 16)
    if (Number.isNaN(slot)) continue
    bits[31 - (slot >> 3)] = (bits[31 - (slot >> 3)] ?? 0) | (1 << (slot & 7))
  }
  const first = bits.findIndex((byte) => byte !== 0)
  const data = first < 0 ? new Uint8Array(0) : bits.subarray(first)
  return await putNode(
    blocks,
    { type: TYPE.shard, data, hashType: 0x22, fanout: 256, ...lies },
    links,
  )
}

/** Where a name belongs at each level of a HAMT of 256. */
function places(name: string): string[] {
  return Array.from(nameHash(Buffer.from(name)), (byte) =>
    byte.toString(16).toUpperCase().padStart(2, '0'),
  )
}

describe('shards that are none', () => {
  test.each<[string, (leaf: CID) => HandMadeLink[], Message]>([
    ['no fanout', () => [], { fanout: 0 }],
    ['a fanout that is no power of two', () => [], { fanout: 200 }],
    ['a fanout over 1,024', () => [], { fanout: 2048 }],
    ['a fanout of 4', () => [], { fanout: 4 }],
    ['another hash', () => [], { hashType: 0x12 }],
    ['no hash', (cid) => [{ name: '00a', cid }], { hashType: 0 }],
    ['a bitfield that is too wide', () => [], { data: new Uint8Array(33) }],
    ['a bit without a link', (cid) => [{ name: '00a', cid }], { data: Uint8Array.of(3) }],
    [
      'a link without a bit',
      (cid) => [
        { name: '00a', cid },
        { name: '01b', cid },
      ],
      { data: Uint8Array.of(1) },
    ],
    ['a link at another bit', (cid) => [{ name: '00a', cid }], { data: Uint8Array.of(2) }],
    [
      'two links at one place',
      (cid) => [
        { name: '00a', cid },
        { name: '00b', cid },
      ],
      {},
    ],
    ['a prefix in lower case', (cid) => [{ name: 'ffa', cid }], {}],
    ['a prefix that is no number', (cid) => [{ name: 'ZZa', cid }], {}],
    ['a name shorter than a prefix', (cid) => [{ name: 'A', cid }], {}],
    ['no name', (cid) => [{ cid }], {}],
  ])('%s', async (_what, links, lies) => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const cid = await putShard(blocks, links(leaf), lies)
    expect((await failure(all(listDirectory(blocks, cid)))).code).toBe('DAG_INVALID')
    expect((await failure(all(listEntries(blocks, cid)))).code).toBe('DAG_INVALID')
    expect((await failure(resolvePath(blocks, { root: cid, path: ['a'] }))).code).toBe(
      'DAG_INVALID',
    )
  })

  test('a sub-shard that is a file, a folder, or a shard of another fanout', async () => {
    const blocks = new MemoryBlocks()
    const [place] = places('a')
    const others = [
      await putRaw(blocks, x),
      await putFolder(blocks, []),
      await putShard(blocks, [], { fanout: 16 }),
    ]
    for (const cid of others) {
      const root = await putShard(blocks, [{ name: place ?? '', cid }])
      expect((await failure(all(listDirectory(blocks, root)))).code).toBe('DAG_INVALID')
      expect((await failure(resolvePath(blocks, { root, path: ['a'] }))).code).toBe('DAG_INVALID')
    }
  })

  test('a shard at two places of one HAMT', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    let cid = await putShard(blocks, [{ name: '00a', cid: leaf }])
    for (let level = 0; level < 4; level++) {
      const everywhere = Array.from({ length: 256 }, (_, slot) => ({
        name: slot.toString(16).toUpperCase().padStart(2, '0'),
        cid,
      }))
      cid = await putShard(blocks, everywhere)
    }
    expect((await failure(all(listDirectory(blocks, cid)))).code).toBe('DAG_INVALID')
    expect((await failure(all(walkFolder(blocks, cid)))).code).toBe('DAG_INVALID')
    expect(blocks.gets.length).toBeLessThan(1000)
  })

  test('shards deeper than the hash has bits', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const path = places('a')
    let cid = await putShard(blocks, [{ name: '00a', cid: leaf }])
    for (const place of path.toReversed()) cid = await putShard(blocks, [{ name: place, cid }])
    expect((await failure(all(listDirectory(blocks, cid)))).code).toBe('DAG_INVALID')
    expect((await failure(resolvePath(blocks, { root: cid, path: ['a'] }))).code).toBe(
      'DAG_INVALID',
    )
  })

  test('the deepest there can be', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const [last = '', ...above] = places('a').toReversed()
    let cid = await putShard(blocks, [{ name: `${last}a`, cid: leaf }])
    for (const place of above) cid = await putShard(blocks, [{ name: place, cid }])
    expect((await all(listDirectory(blocks, cid))).map(({ name }) => name)).toEqual(['a'])
    expect((await resolvePath(blocks, { root: cid, path: ['a'] })).cid.equals(leaf)).toBe(true)
  })

  test('a name where it does not belong is listed, and not found by its path', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const wrong = places('a')[0] === '00' ? '01' : '00'
    const cid = await putShard(blocks, [{ name: `${wrong}a`, cid: leaf }])
    expect((await all(listDirectory(blocks, cid))).map(({ name }) => name)).toEqual(['a'])
    expect((await failure(resolvePath(blocks, { root: cid, path: ['a'] }))).code).toBe(
      'PATH_NOT_FOUND',
    )
  })

  test('shards of 16 places, as others write them, work', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const hex = Buffer.from(nameHash(Buffer.from('a')))
      .toString('hex')
      .toUpperCase()
    const [first = '0', second = '0'] = hex
    const bit = (digit: string) => {
      const slot = Number.parseInt(digit, 16)
      return slot < 8 ? Uint8Array.of(1 << slot) : Uint8Array.of(1 << (slot - 8), 0)
    }
    const inner = await putShard(blocks, [{ name: `${second}a`, cid: leaf }], {
      fanout: 16,
      data: bit(second),
    })
    const cid = await putShard(blocks, [{ name: first, cid: inner }], {
      fanout: 16,
      data: bit(first),
    })
    expect((await resolvePath(blocks, { root: cid, path: ['a'] })).cid.equals(leaf)).toBe(true)
    expect((await all(listDirectory(blocks, cid))).map(({ name }) => name)).toEqual(['a'])
  })
})

describe('bombs', () => {
  async function bomb(blocks: MemoryBlocks, width: number, depth: number): Promise<CID> {
    let cid = await putFolder(blocks, [])
    for (let level = 0; level < depth; level++) {
      const name = (index: number) => String(index).padStart(4, '0')
      cid = await putFolder(
        blocks,
        Array.from({ length: width }, (_, index) => ({ name: name(index), cid })),
      )
    }
    return cid
  }

  test('2^40 folders out of 40 blocks end at the limit', { timeout: 60_000 }, async () => {
    const blocks = new MemoryBlocks()
    const cid = await bomb(blocks, 2, 40)
    let entries = 0
    const walking = async () => {
      for await (const _ of walkFolder(blocks, cid, { maxEntries: 20_000 })) entries++
    }
    expect((await failure(walking())).code).toBe('DAG_LIMIT')
    // Some are counted while they are fetched ahead, and not given any more.
    expect(entries).toBeLessThanOrEqual(20_000)
    expect(entries).toBeGreaterThan(19_900)
  })

  test('the limit holds without being named', async () => {
    const cid = await putFolder(new MemoryBlocks(), [])
    const budget = new VisitBudget()
    for (let entry = 0; entry < limits.maxFolderEntries; entry++) budget.entry(cid)
    expect(() => budget.entry(cid)).toThrow('1000000 entries')
  })

  test('a chain of folders ends at the limit of a path', async () => {
    const blocks = new MemoryBlocks()
    expect((await all(walkFolder(blocks, await bomb(blocks, 1, limits.maxPathDepth)))).length).toBe(
      limits.maxPathDepth,
    )
    const deeper = await bomb(blocks, 1, limits.maxPathDepth + 1)
    expect((await failure(all(walkFolder(blocks, deeper)))).code).toBe('DAG_LIMIT')
  })

  test('a path that is too long ends it', async () => {
    const blocks = new MemoryBlocks()
    let cid = await putFolder(blocks, [])
    for (let level = 0; level < 20; level++)
      cid = await putFolder(blocks, [{ name: 'n'.repeat(250), cid }])
    expect((await failure(all(walkFolder(blocks, cid)))).code).toBe('DAG_LIMIT')
  })

  test('folders that are large and deep are not all held', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const filler = Array.from({ length: 6000 }, (_, index) => ({
      name: `b${index}${'n'.repeat(240)}`,
      cid: leaf,
    }))
    let cid = await putFolder(blocks, [])
    for (let level = 0; level < 25; level++)
      cid = await putFolder(blocks, [
        { name: 'a', cid },
        ...filler.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      ])
    expect((await failure(all(walkFolder(blocks, cid)))).code).toBe('DAG_LIMIT')
  }, 30_000)

  test('a HAMT of empty shards that stands at many names is counted by its shards', async () => {
    const blocks = new MemoryBlocks()
    const empty = await Promise.all(
      Array.from({ length: 200 }, async (_, slot) => ({
        name: slot.toString(16).toUpperCase().padStart(2, '0'),
        cid: await putShard(blocks, [], {
          tail: Uint8Array.of(0x38, 0x80 + (slot % 128), 1 + (slot >> 7)),
        }),
      })),
    )
    const hollow = await putShard(blocks, empty)
    const names = Array.from({ length: 100 }, (_, index) => ({
      name: `${index + 100}`,
      cid: hollow,
    }))
    const cid = await putFolder(blocks, names)
    expect((await all(walkFolder(blocks, cid))).length).toBe(100)
    const error = await failure(all(walkFolder(blocks, cid, { maxEntries: 5000 })))
    expect(error.code).toBe('DAG_LIMIT')
    expect(blocks.gets.length).toBeLessThan(60_000)
  })
})

describe('names no disk should see', () => {
  test.each([[''], ['.'], ['..'], ['a/b'], ['/etc/passwd'], ['../x'], ['a\0b']])(
    '%j',
    async (name) => {
      const blocks = new MemoryBlocks()
      const leaf = await putRaw(blocks, x)
      const sub = await putFolder(blocks, [{ name, cid: leaf }])
      const cid = await putFolder(blocks, [{ name: 'sub', cid: sub }])
      const error = await failure(all(walkFolder(blocks, cid)))
      expect(error.code).toBe('DAG_INVALID')
      expect(error.details['path']).toBe(`sub/${name}`)
      expect((await all(listEntries(blocks, sub))).map((entry) => entry.name)).toEqual([name])
    },
  )

  test('in a HAMT too', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const cid = await putShard(blocks, [{ name: '00../x', cid: leaf }])
    expect((await failure(all(walkFolder(blocks, cid)))).code).toBe('DAG_INVALID')
  })

  test('a name that stands twice', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const cid = await putFolder(blocks, [
      { name: 'a', cid: leaf },
      { name: 'a', cid: leaf },
    ])
    expect((await failure(all(walkFolder(blocks, cid)))).code).toBe('DAG_INVALID')
  })

  test('a name that is not UTF-8', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, x)
    const link = [0x0a, leaf.bytes.length, ...leaf.bytes, 0x12, 2, 0xff, 0x61, 0x18, 1]
    const cid = await putBlock(blocks, Uint8Array.from([0x12, link.length, ...link, 0x0a, 2, 8, 1]))
    expect((await failure(all(walkFolder(blocks, cid)))).code).toBe('UNSUPPORTED_ENTRY')
    expect((await all(listEntries(blocks, cid))).map((entry) => entry.name)).toEqual(['\uFFFDa'])
  })

  test('a symbolic link', async () => {
    const blocks = new MemoryBlocks()
    const link = await putNode(blocks, { type: TYPE.symlink, data: Buffer.from('/etc') })
    const sub = await putFolder(blocks, [{ name: 'link', cid: link }])
    const cid = await putFolder(blocks, [{ name: 'sub', cid: sub }])
    const error = await failure(all(walkFolder(blocks, cid)))
    expect(error.code).toBe('UNSUPPORTED_ENTRY')
    expect(error.details['path']).toBe('sub/link')
  })

  test('a child of another codec', async () => {
    const blocks = new MemoryBlocks()
    const cbor = await putBlock(blocks, x, { codec: 0x71 })
    const cid = await putFolder(blocks, [{ name: 'cbor', cid: cbor }])
    expect((await failure(all(walkFolder(blocks, cid)))).code).toBe('UNSUPPORTED_CODEC')
    expect((await failure(all(listEntries(blocks, cid)))).code).toBe('UNSUPPORTED_CODEC')
  })
})
