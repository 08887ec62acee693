import type { CID } from 'multiformats/cid'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseTarget } from '../../../src/core/cid.ts'
import type { FolderEntry } from '../../../src/core/content.ts'
import { importFolder } from '../../../src/unixfs/import.ts'
import { NodeCache } from '../../../src/unixfs/node-cache.ts'
import { resolvePath } from '../../../src/unixfs/resolve.ts'
import { putBlock, putFolder, putNode, putRaw, TYPE } from './hand-made.ts'
import { failure, MemoryBlocks, pieces } from './memory-blocks.ts'

const blocks = new MemoryBlocks()
let root: CID

async function* entries(): AsyncGenerator<FolderEntry> {
  await Promise.resolve()
  for (let index = 0; index < 6000; index++) {
    const content = pieces(Buffer.from(`${index}`))
    yield { kind: 'file', path: `many/file-${index}/x`, size: 4, content }
  }
  yield { kind: 'file', path: 'one', size: 3, content: pieces(Buffer.from('one')) }
}

beforeAll(async () => {
  root = (await importFolder(blocks, entries())).cid
})

const find = (path: string[]) => resolvePath(blocks, { root, path })

test('no path is the root itself, without a look at it', async () => {
  const asked = blocks.gets.length
  expect(await find([])).toEqual({ cid: root, roots: [root], dagBytes: undefined })
  expect(blocks.gets.length).toBe(asked)
})

test('through flat folders and shards, with every CID on the way', async () => {
  const { cid, roots, dagBytes } = await find(['many', 'file-4321', 'x'])
  expect(Buffer.from(await blocks.get(cid)).toString()).toBe('4321')
  expect(dagBytes).toBe(4)
  expect(roots.length).toBe(4)
  expect(roots[0]).toBe(root)
  expect(roots[3]).toBe(cid)
  expect(roots[2]?.equals((await find(['many', 'file-4321'])).cid)).toBe(true)
})

test('what it leads to is not fetched', async () => {
  blocks.gets.length = 0
  await find(['one'])
  expect(blocks.gets).toEqual([root.toString()])
})

test('with a cache the folders on the way are fetched once', async () => {
  const nodes = new NodeCache()
  const target = { root, path: ['many', 'file-99', 'x'] }
  await resolvePath(blocks, target, { nodes })
  blocks.gets.length = 0
  await resolvePath(blocks, target, { nodes })
  expect(blocks.gets).toEqual([])
})

describe('tells what is missing', () => {
  test.each([
    [['two'], 'two', ''],
    [['many', 'file-6000'], 'file-6000', '/many'],
    [['many', 'FILE-1', 'x'], 'FILE-1', '/many'],
    [['many', 'file-1', 'y', 'z'], 'y', '/many/file-1'],
    [['many', ''], '', '/many'],
  ])('%j', async (path, name, folder) => {
    const error = await failure(find(path))
    expect(error.code).toBe('PATH_NOT_FOUND')
    expect(error.details).toEqual({ name, path: `${root}${folder}` })
    expect(error.message).toContain(JSON.stringify(name))
  })

  test('a name that is a place of a shard is no entry', async () => {
    const { cid } = await find(['many'])
    for (const name of ['00', '7F', 'FF']) {
      expect((await failure(resolvePath(blocks, { root: cid, path: [name] }))).code).toBe(
        'PATH_NOT_FOUND',
      )
    }
  })
})

describe('is no directory', () => {
  test.each([
    ['a raw file', ['one', 'x']],
    ['a raw file below', ['many', 'file-1', 'x', 'y']],
  ])('%s', async (_what, path) => {
    const error = await failure(find(path))
    expect(error.code).toBe('NOT_A_DIRECTORY')
    expect(error.details['path']).toBe([root, ...path.slice(0, -1)].join('/'))
  })

  test('a symbolic link, and a dag-pb file', async () => {
    const link = await putNode(blocks, { type: TYPE.symlink, data: Buffer.from('..') })
    const file = await putNode(blocks, { type: TYPE.file, data: Buffer.from('x'), fileBytes: 1 })
    const folder = await putFolder(blocks, [
      { name: 'file', cid: file },
      { name: 'link', cid: link },
    ])
    for (const name of ['file', 'link']) {
      const error = await failure(resolvePath(blocks, parseTarget(`${folder}/${name}/x`)))
      expect(error.code).toBe('NOT_A_DIRECTORY')
    }
    expect((await resolvePath(blocks, parseTarget(`${folder}/link`))).cid.equals(link)).toBe(true)
  })
})

test('another codec is UNSUPPORTED_CODEC, as the root, on the way and at the end', async () => {
  const cbor = await putBlock(blocks, Buffer.from('x'), { codec: 0x71 })
  const folder = await putFolder(blocks, [{ name: 'cbor', cid: cbor }])
  for (const path of [`${cbor}`, `${cbor}/x`, `${folder}/cbor`, `${folder}/cbor/x`]) {
    expect((await failure(resolvePath(blocks, parseTarget(path)))).code).toBe('UNSUPPORTED_CODEC')
  }
})

test('the first of two links of one name counts, and links need not be sorted', async () => {
  const [one, two] = [
    await putRaw(blocks, Buffer.from('1')),
    await putRaw(blocks, Buffer.from('2')),
  ]
  const folder = await putFolder(blocks, [
    { name: 'b', cid: one },
    { name: 'b', cid: two },
  ])
  expect((await resolvePath(blocks, { root: folder, path: ['b'] })).cid.equals(one)).toBe(true)
})

test('an aborted signal is CANCELLED', async () => {
  const signal = AbortSignal.abort()
  const error = await failure(resolvePath(blocks, { root, path: ['one'] }, { signal }))
  expect(error.code).toBe('CANCELLED')
})
