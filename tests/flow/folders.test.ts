import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createStorageNode, type FolderEntry, type StorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { inPieces, MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'

vi.setConfig({ testTimeout: 60_000 })

const large = noise(2 * MIB)
const files: Record<string, Uint8Array> = {
  'a/b/large': large,
  'a/b/small': noise(10, 2),
  'a/ name with spaces ': noise(0),
  '100%25?#': noise(20, 3),
}

async function* entriesOf(all: Record<string, Uint8Array>): AsyncGenerator<FolderEntry> {
  for (const [path, bytes] of Object.entries(all)) {
    yield { kind: 'file', path, size: bytes.length, content: inPieces(bytes, MIB) }
  }
}

const stack = new AsyncDisposableStack()
let node: StorageNode
let root: string

beforeAll(async () => {
  node = stack.use(await createStorageNode({ storage: 'memory' }))
  root = (await node.upload({ entries: entriesOf(files) })).cid
})

afterAll(() => stack.disposeAsync())

describe('a folder', () => {
  it.each(Object.entries(files))('gives %j by its path', async (path, bytes) => {
    expect(sameBytes(await node.download(`${root}/${path}`).bytes(), bytes)).toBe(true)
    expect(await node.stat(`${root}/${path}`)).toMatchObject({ kind: 'file', bytes: bytes.length })
  })

  it('has a stat, as what is in it has', async () => {
    const stat = await node.stat(root)
    expect(stat).toMatchObject({
      cid: root,
      kind: 'directory',
      links: 2,
      codec: 'dag-pb',
      sharded: false,
    })
    expect(stat.bytes).toBeGreaterThan(2 * MIB)
    expect(await node.stat(`${root}/a/b/large`)).toMatchObject({ links: 2, bytes: 2 * MIB })
    const { cid } = await node.stat(`${root}/a/b`)
    expect(await node.stat(cid)).toEqual(await node.stat(`${root}/a/b`))
  })

  it('lists its entries', async () => {
    const entries = await Array.fromAsync(node.ls(root))
    expect(entries.map(({ name, kind }) => ({ name, kind }))).toEqual([
      { name: '100%25?#', kind: 'file' },
      { name: 'a', kind: 'directory' },
    ])
    const inner = await Array.fromAsync(node.ls(`${root}/a/b`))
    expect(inner).toEqual([
      { name: 'large', kind: 'file', bytes: 2 * MIB, cid: (await node.upload(large)).cid },
      { name: 'small', kind: 'file', bytes: 10, cid: expect.stringMatching(/^bafkrei/) },
    ])
    expect(await codeOf(Array.fromAsync(node.ls(`${root}/a/b/small`)))).toBe('NOT_A_DIRECTORY')
  })

  it('is walked with all below it, and stored again from its walk', async () => {
    const paths: string[] = []
    async function* watched() {
      for await (const entry of node.walk(root)) {
        paths.push(entry.path)
        yield entry
      }
    }
    const again = await node.upload({ entries: watched() })
    expect(again).toMatchObject({ cid: root, created: false })
    expect(paths).toEqual([
      '100%25?#',
      'a',
      'a/ name with spaces ',
      'a/b',
      'a/b/large',
      'a/b/small',
    ])
  })

  it('that is walked half-way can be left', async () => {
    for await (const entry of node.walk(root)) {
      if (entry.kind === 'file') break
    }
    for await (const { name } of node.ls(root)) {
      expect(name).toBe('100%25?#')
      break
    }
  })

  it('is no file, and a file is no folder', async () => {
    expect(await codeOf(node.download(root).bytes())).toBe('NOT_A_FILE')
    const through = await failureOf(node.download(`${root}/a/b/small/x`).bytes())
    expect(through.code).toBe('NOT_A_DIRECTORY')
    const missing = await failureOf(node.stat(`${root}/a/none/x`))
    expect(missing).toMatchObject({ code: 'PATH_NOT_FOUND', details: { name: 'none' } })
    expect(await codeOf(Array.fromAsync(node.walk(`${root}/a/b/small`)))).toBe('NOT_A_DIRECTORY')
  })

  it('refuses entries that stand twice, or lead out of it', async () => {
    const one = (path: string): FolderEntry => ({
      kind: 'file',
      path,
      size: 1,
      content: inPieces(noise(1), 1),
    })
    const wrong = [['a', 'a'], ['a', 'a/b'], ['../a'], ['/a'], ['a//b'], ['a/./b'], ['a\0']]
    for (const paths of wrong) {
      async function* entries() {
        for (const path of paths) yield one(path)
      }
      expect(await codeOf(node.upload({ entries: entries() }))).toBe('INVALID_INPUT')
    }
  })

  it('of many names is sharded, and each is found', async () => {
    const names = Array.from({ length: 6000 }, (_, at) => `file number ${at} with a longer name`)
    const all = Object.fromEntries(names.map((name) => [name, Buffer.from(name)]))
    const { cid } = await node.upload({ entries: entriesOf(all) })
    expect(await node.stat(cid)).toMatchObject({ sharded: true })
    const listed = await Array.fromAsync(node.ls(cid), ({ name }) => name)
    expect(listed.sort()).toEqual(names.sort())
    const last = names.at(-1) ?? ''
    expect(Buffer.from(await node.download(`${cid}/${last}`).bytes()).toString()).toBe(last)
  })
})

describe('the list of uploads', () => {
  it('comes in pages, newest first', async () => {
    await using many = await createStorageNode({ storage: 'memory' })
    for (let at = 0; at < 25; at += 1) await many.upload(`content ${at}`, { filename: `${at}` })
    const seen: string[] = []
    for (let before: number | undefined; ; ) {
      const page = await many.list({ limit: 10, ...(before !== undefined && { before }) })
      seen.push(...page.uploads.map(({ filename }) => filename))
      before = page.next
      if (before === undefined) break
      expect(page.uploads).toHaveLength(10)
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, at) => `${24 - at}`))
    expect(await many.list({ limit: 25 })).not.toHaveProperty('next')
    expect((await many.list()).uploads[0]).toEqual({
      id: expect.any(Number),
      cid: expect.stringMatching(/^bafkrei/),
      bytes: 10,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      filename: '24',
      contentType: 'application/octet-stream',
      pinned: true,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    })
  })

  it('refuses pages that cannot be', async () => {
    for (const limit of [0, -1, 1001, 1.5, Number.NaN]) {
      expect(await codeOf(node.list({ limit }))).toBe('INVALID_INPUT')
    }
    for (const before of [Number.NaN, 1.5]) {
      expect(await codeOf(node.list({ before }))).toBe('INVALID_INPUT')
    }
    expect(await node.list({ before: 0 })).toEqual({ uploads: [] })
  })
})

it('stores large files of a folder on the disk, and gives them back as they were', async () => {
  await using folder = await temporaryFolder()
  await using node = await createStorageNode({ storage: 'memory' })
  const source = join(folder.path, 'source')
  await mkdir(source)
  const contents = [3 * MIB, 9 * MIB + 5, MIB].map((bytes, seed) => noise(bytes, seed))
  await Promise.all(contents.map((bytes, index) => writeFile(join(source, `file-${index}`), bytes)))
  const { cid } = await node.upload({ path: source })
  for (const [index, bytes] of contents.entries()) {
    const out = await node.download(`${cid}/file-${index}`).bytes()
    expect(Buffer.compare(out, bytes)).toBe(0)
  }
})
