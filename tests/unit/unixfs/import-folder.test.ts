import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { importer } from 'ipfs-unixfs-importer'
import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import type { FolderEntry } from '../../../src/core/content.ts'
import { PrsmError } from '../../../src/core/errors.ts'
import { limits } from '../../../src/core/limits.ts'
import { listDirectory, walkFolder } from '../../../src/unixfs/directory.ts'
import { importFolder } from '../../../src/unixfs/import.ts'
import { nameHash } from '../../../src/unixfs/name-hash.ts'
import { resolvePath } from '../../../src/unixfs/resolve.ts'
import { statNode } from '../../../src/unixfs/stat.ts'
import { noise } from './deterministic.ts'
import { all, collect, failure, MemoryBlocks, pieces } from './memory-blocks.ts'

function file(path: string, text = path): FolderEntry {
  const bytes = Buffer.from(text)
  return { kind: 'file', path, size: bytes.byteLength, content: pieces(bytes) }
}

const directory = (path: string): FolderEntry => ({ kind: 'directory', path })

async function* from(entries: Iterable<FolderEntry>): AsyncGenerator<FolderEntry> {
  await Promise.resolve()
  yield* entries
}

async function cidOf(entries: Iterable<FolderEntry>): Promise<string> {
  return (await importFolder(new MemoryBlocks(), from(entries))).cid.toString()
}

/** Path to text of a file, or undefined of a folder. */
async function contents(blocks: MemoryBlocks, cid: CID): Promise<Map<string, string | undefined>> {
  const found = new Map<string, string | undefined>()
  for await (const entry of walkFolder(blocks, cid)) {
    const bytes = entry.kind === 'file' ? await collect(entry.content) : undefined
    if (entry.kind === 'file') expect(bytes?.byteLength).toBe(entry.size)
    found.set(entry.path, bytes?.toString())
  }
  return found
}

const ODD_NAMES = [
  'back\\slash',
  'ends with\\',
  'a^b',
  '50%',
  '%2F',
  ' ',
  'new\nline',
  '.hidden',
  '...',
  'e\u0301',
  '\u00e9',
  '\uFEFFmark',
  '\uFFFD',
  '😀',
  '\uFF5E',
  '\u0001',
  'n'.repeat(255),
  '00',
  'FF',
  '__proto__',
  'constructor',
]

test('names stay exactly as they are, in flat folders and on the way', async () => {
  const blocks = new MemoryBlocks()
  const paths = ODD_NAMES.flatMap((name) => [name, `in/${name}/x`])
  const { cid } = await importFolder(blocks, from(paths.map((path) => file(path))))
  const found = await contents(blocks, cid)
  for (const path of paths) expect(found.get(path)).toBe(path)
  for (const name of ODD_NAMES) {
    const resolved = await resolvePath(blocks, { root: cid, path: ['in', name, 'x'] })
    expect((await statNode(blocks, resolved.cid)).bytes).toBe(Buffer.byteLength(`in/${name}/x`))
  }
})

test('empty folders stay, parents are made, and the counts are right', async () => {
  const blocks = new MemoryBlocks()
  const imported = await importFolder(
    blocks,
    from([file('a/b/c', '123'), directory('empty'), directory('a'), file('z', '')]),
  )
  expect(imported).toMatchObject({ files: 2, directories: 3, bytes: 3 })
  const found = await contents(blocks, imported.cid)
  expect([...found.keys()].toSorted()).toEqual(['a', 'a/b', 'a/b/c', 'empty', 'z'])
  const stored = [...blocks.blocks.values()].reduce((sum, block) => sum + block.byteLength, 0)
  expect(imported.dagBytes).toBe(stored)
})

test('no entry at all is the empty folder', async () => {
  expect(await cidOf([])).toBe('bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354')
})

const name = fc.stringMatching(/^[a-zA-Z0-9 _\u00e0-\u00ff\u3040-\u3060-]{1,12}$/)
const tree = fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 3 }), {
  selector: (path) => path[0] ?? '',
  maxLength: 12,
})

test('ordinary trees have the CID the importer gives them, in any order', async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.infiniteStream(fc.nat()), async (paths, random) => {
      const joined = paths.map((path) => path.join('/'))
      const shuffled = joined
        .map((path) => ({ path, at: random.next().value ?? 0 }))
        .toSorted((a, b) => a.at - b.at)
      const ours = await cidOf(joined.map((path) => file(path)))
      expect(await cidOf(shuffled.map(({ path }) => file(path)))).toBe(ours)
      if (joined.length > 0) expect(ours).toBe(await importerCid(joined))
    }),
    { numRuns: 80 },
  )
})

async function importerCid(paths: readonly string[]): Promise<string | undefined> {
  const source = paths.map((path) => ({ path, content: Buffer.from(path) }))
  const put = (cid: CID) => Promise.resolve(cid)
  const options = { profile: 'unixfs-v1-2025', wrapWithDirectory: true } as const
  return (await all(importer(source, { put }, options))).at(-1)?.cid.toString()
}

describe('flat or sharded', () => {
  /** Bytes of the flat folder's block, by another encoder. */
  function flatBytes(links: readonly { name: string; cid: CID; dagBytes: number }[]): number {
    const Links = links.map(({ name: Name, cid: Hash, dagBytes: Tsize }) => ({ Name, Hash, Tsize }))
    return dagPb.encode(dagPb.prepare({ Data: Uint8Array.of(8, 1), Links })).byteLength
  }

  async function importNumbered(count: number, path: (index: number) => string) {
    const blocks = new MemoryBlocks()
    const entries = Array.from({ length: count }, (_, index) => file(path(index), String(index)))
    const { cid } = await importFolder(blocks, from(entries))
    const links = await all(listDirectory(blocks, cid))
    expect(links.length).toBe(count)
    return { blocks, cid, bytes: flatBytes(links), sharded: (await statNode(blocks, cid)).sharded }
  }

  test('6,000 sub-folders are counted with the sizes they have', async () => {
    const { sharded, bytes } = await importNumbered(6000, (index) => `${index}/x`)
    expect(bytes).toBeGreaterThan(262_144)
    expect(sharded).toBe(true)
  })

  test.each([
    [7, false],
    [8, true],
  ])(
    '262,144 bytes are flat, one more is not (a last name of %i bytes)',
    async (lastBytes, sharded) => {
      // 5,140 links of 51 bytes, one of them longer or not, and 4 bytes of data.
      const flat = await importNumbered(5140, (index) =>
        index === 0 ? 'x'.repeat(lastBytes) : `n${String(index).padStart(6, '0')}`,
      )
      expect(flat.bytes).toBe(262_144 + lastBytes - 7)
      expect(flat.sharded).toBe(sharded)
    },
  )
})

test('10,000 files in a HAMT are listed and found by name, one block a level', async () => {
  const blocks = new MemoryBlocks()
  const names = Array.from({ length: 10_000 }, (_, index) => `model-${index}.safetensors`)
  const { cid } = await importFolder(blocks, from(names.map((path) => file(path))))
  expect((await statNode(blocks, cid)).sharded).toBe(true)
  const listed = await all(listDirectory(blocks, cid))
  expect(listed.map((entry) => entry.name).toSorted()).toEqual(names.toSorted())
  blocks.gets.length = 0
  for (const path of names.filter((_, index) => index % 500 === 0)) {
    const found = await resolvePath(blocks, { root: cid, path: [path] })
    expect(Buffer.from(await blocks.get(found.cid)).toString()).toBe(path)
  }
  expect(blocks.gets.length).toBeLessThan(20 * 5)
  const missing = await failure(
    resolvePath(blocks, { root: cid, path: ['model-10000.safetensors'] }),
  )
  expect(missing.code).toBe('PATH_NOT_FOUND')
  expect(missing.message).toContain('model-10000.safetensors')
})

test('two names with one hash cannot be in one sharded folder', async () => {
  // Murmur3 can be run backwards: the second half of the second name was computed from the first's hash.
  const [first, second] = [
    'collision-a.bin-the first of two',
    'collision-b-81w_|G"<k\u0018b\b\bb#N|r\u0017}',
  ]
  expect(nameHash(Buffer.from(second))).toEqual(nameHash(Buffer.from(first)))
  const many = Array.from({ length: 6000 }, (_, index) => file(`${index}`))
  const error = await failure(
    importFolder(new MemoryBlocks(), from([...many, file(first), file(second)])),
  )
  expect(error.code).toBe('DAG_LIMIT')
  expect(await cidOf([file(first), file(second)])).toMatch(/^bafy/)
})

describe('refused, naming the path', () => {
  const long = 'n'.repeat(limits.maxNameBytes + 1)
  const deep = Array.from({ length: limits.maxPathDepth + 1 }, () => 'd').join('/')
  const longPath = Array.from({ length: 20 }, () => 'n'.repeat(250)).join('/')

  test.each([
    ['the same file twice', [file('a'), file('a')], 'INVALID_INPUT', 'a'],
    ['the same folder twice', [directory('a'), directory('a')], 'INVALID_INPUT', 'a'],
    ['a file below a file', [file('a'), file('a/b')], 'INVALID_INPUT', 'a/b'],
    ['a folder where a file is', [file('a'), directory('a')], 'INVALID_INPUT', 'a'],
    ['a file where a folder is', [directory('a'), file('a')], 'INVALID_INPUT', 'a'],
    ['a file where a parent was made', [file('a/b'), file('a')], 'INVALID_INPUT', 'a'],
    ['no name', [file('')], 'INVALID_INPUT', ''],
    ['an empty name', [file('a//b')], 'INVALID_INPUT', 'a//b'],
    ['a slash at the end', [directory('a/')], 'INVALID_INPUT', 'a/'],
    ['a slash at the start', [file('/a')], 'INVALID_INPUT', '/a'],
    ['a dot', [file('a/./b')], 'INVALID_INPUT', 'a/./b'],
    ['two dots', [file('../a')], 'INVALID_INPUT', '../a'],
    ['two dots at the end', [directory('a/..')], 'INVALID_INPUT', 'a/..'],
    ['a NUL byte', [file('a\0b')], 'INVALID_INPUT', 'a\0b'],
    ['half a character', [file('a\uD800')], 'INVALID_INPUT', 'a\uD800'],
    ['a long name', [file(`a/${long}`)], 'DAG_LIMIT', `a/${long}`],
    ['a long name on the way', [file(`${long}/a`)], 'DAG_LIMIT', `${long}/a`],
    ['too deep', [file(deep)], 'DAG_LIMIT', deep],
    ['a long path', [file(longPath)], 'DAG_LIMIT', longPath],
  ])('%s', async (_what, entries, code, path) => {
    const error = await failure(importFolder(new MemoryBlocks(), from(entries)))
    expect(error.code).toBe(code)
    expect(error.details['path']).toBe(path)
  })

  test('the deepest and the longest that are allowed', async () => {
    const names = Array.from({ length: limits.maxPathDepth }, (_, index) => String(index % 10))
    const blocks = new MemoryBlocks()
    const { cid } = await importFolder(blocks, from([file(names.join('/'), 'deep')]))
    const { cid: found } = await resolvePath(blocks, { root: cid, path: names })
    expect((await statNode(blocks, found)).bytes).toBe(4)
    expect((await all(walkFolder(blocks, cid))).length).toBe(limits.maxPathDepth)
  })
})

test('a name is refused before its content is read, and the source is closed', async () => {
  let read = false
  let closed = false
  const content: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => {
      read = true
      return pieces(noise(10, 'never'))
    },
  }
  async function* entries(): AsyncGenerator<FolderEntry> {
    try {
      await Promise.resolve()
      yield { kind: 'file', path: '..', size: 10, content }
    } finally {
      closed = true
    }
  }
  expect((await failure(importFolder(new MemoryBlocks(), entries()))).code).toBe('INVALID_INPUT')
  expect([read, closed]).toEqual([false, true])
})

test('the content of an entry is read to its end before the next entry is asked for', async () => {
  let open = 0
  async function* content(bytes: Uint8Array) {
    open++
    yield* pieces(bytes)
    open--
  }
  async function* entries(): AsyncGenerator<FolderEntry> {
    for (const size of [10, 3_000_000, 0, 1_048_576]) {
      await Promise.resolve()
      yield { kind: 'file', path: String(size), size, content: content(noise(size, 'order')) }
      expect(open).toBe(0)
    }
  }
  expect((await importFolder(new MemoryBlocks(), entries())).files).toBe(4)
})

test('small files are put side by side', async () => {
  let running = 0
  let most = 0
  async function put() {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 20))
    running--
  }
  const entries = Array.from({ length: 50 }, (_, index) => file(`${index}`))
  await importFolder({ put }, from(entries))
  expect(most).toBeGreaterThan(10)
})

test('what the store refuses ends the import of a folder', async () => {
  const put = () => Promise.reject(new PrsmError('STORAGE_FULL', 'full'))
  expect((await failure(importFolder({ put }, from([file('a')])))).code).toBe('STORAGE_FULL')
})

test('an abort ends it while the entries are silent', async () => {
  async function* silent(): AsyncGenerator<FolderEntry> {
    yield file('a')
    await new Promise(() => {})
  }
  const signal = AbortSignal.timeout(20)
  expect((await failure(importFolder(new MemoryBlocks(), silent(), { signal }))).code).toBe(
    'CANCELLED',
  )
})
