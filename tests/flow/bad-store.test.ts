import { cp, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { base32upper } from 'multiformats/bases/base32'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createStorageNode, isPrsmError, type StorageNode } from '../../src/index.ts'
import { rawCid, temporaryFolder } from '../support/block-store.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'

vi.setConfig({ testTimeout: 120_000 })

/** A store with blocks in the database and in files, files of many blocks, and two hundred uploads. */
const contents = [noise(3 * MIB), noise(40_000, 2), noise(300_000, 3), noise(10, 4)]
const contentAt = (at: number): Uint8Array => contents[at] ?? new Uint8Array()
const cidAt = (at: number): string => cids[at] ?? ''
const cids: string[] = []
const stack = new AsyncDisposableStack()
let healthy: string

beforeAll(async () => {
  healthy = join(stack.use(await temporaryFolder()).path, 'data')
  await using node = await createStorageNode({ dataDir: healthy })
  for (const bytes of contents) cids.push((await node.upload(bytes)).cid)
  for (let at = 0; at < 200; at += 1) await node.upload('x', { filename: `${at}`.repeat(20) })
}, 60_000)

afterAll(() => stack.disposeAsync())

/** A copy of the healthy store, to be spoilt. */
async function copy() {
  const folder = await temporaryFolder()
  const dataDir = join(folder.path, 'data')
  await cp(healthy, dataDir, { recursive: true })
  return { dataDir, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

async function overwrite(path: string, position: number, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'r+')
  await file.write(bytes, 0, bytes.byteLength, position)
}

describe('a data folder that cannot be used is refused, with its own error', () => {
  const stamps: [string, string, string][] = [
    ['of a later version', '{"format":3,"something":"new"}', 'STORE_TOO_NEW'],
    ['of garbage', '\0\0\0garbage', 'STORE_CORRUPT'],
    ['of nothing', '', 'STORE_CORRUPT'],
    ['of no version', '{"inlineBlockBytes":1}', 'STORE_CORRUPT'],
    ['of version 0', '{"format":0,"inlineBlockBytes":1,"segmentBytes":65536}', 'STORE_CORRUPT'],
  ]

  it.each(stamps)('format.json %s', async (_, text, code) => {
    await using store = await copy()
    await writeFile(join(store.dataDir, 'format.json'), text)
    const failure = await failureOf(createStorageNode(store))
    expect(failure.code).toBe(code)
    expect(failure.message).toContain('format.json')
    expect(await readFile(join(store.dataDir, 'format.json'), 'utf8')).toBe(text)
  })

  it('no format.json beside databases; put back, all is there', async () => {
    await using store = await copy()
    const path = join(store.dataDir, 'format.json')
    const stamp = await readFile(path)
    await rm(path)
    const failure = await failureOf(createStorageNode(store))
    expect(failure.code).toBe('STORE_CORRUPT')
    expect(failure.message).toContain('blocks.db')
    await writeFile(path, stamp)
    await using node = await createStorageNode(store)
    expect(await node.download(cidAt(0)).bytes()).toHaveLength(3 * MIB)
  })

  it('format.json that is a folder', async () => {
    await using store = await copy()
    await rm(join(store.dataDir, 'format.json'))
    await mkdir(join(store.dataDir, 'format.json'))
    expect(await codeOf(createStorageNode(store))).toBe('STORAGE_IO')
  })

  it.each(['blocks.db', 'prsm.db'])(
    '%s of a newer version, of another program, of garbage',
    async (name) => {
      await using store = await copy()
      const path = join(store.dataDir, name)
      pragma(path, 'user_version = 999')
      const before = await readFile(path)
      expect(await codeOf(createStorageNode(store))).toBe('STORE_TOO_NEW')
      pragma(path, 'user_version = 1')
      pragma(path, 'application_id = 7')
      expect(await codeOf(createStorageNode(store))).toBe('STORE_CORRUPT')
      await writeFile(path, noise(before.length))
      const failure = await failureOf(createStorageNode(store))
      expect(failure.code).toBe('STORE_CORRUPT')
      expect(failure.message).toContain(name)
      expect(sameBytes(await readFile(path), noise(before.length))).toBe(true)
    },
  )

  it('a file where the folder should be, and a folder below a file', async () => {
    await using folder = await temporaryFolder()
    const dataDir = join(folder.path, 'data')
    await writeFile(dataDir, 'a file')
    for (const path of [dataDir, join(dataDir, 'below')]) {
      const failure = await failureOf(createStorageNode({ dataDir: path }))
      expect(failure.code).toBe('STORAGE_IO')
      expect(failure.message).toContain(path)
    }
  })

  it('a place nobody can write to', async () => {
    for (const dataDir of ['/sys', '/sys/prsm', '/dev/null/x']) {
      expect(await codeOf(createStorageNode({ dataDir }))).toBe('STORAGE_IO')
    }
  })

  it('a file where the block files should be', async () => {
    await using store = await copy()
    await rm(join(store.dataDir, 'blocks'), { recursive: true })
    await writeFile(join(store.dataDir, 'blocks'), '')
    expect(await codeOf(createStorageNode(store))).toBe('STORAGE_IO')
  })

  it('is free again after a refusal', async () => {
    await using store = await copy()
    const path = join(store.dataDir, 'prsm.db')
    pragma(path, 'user_version = 999')
    expect(await codeOf(createStorageNode(store))).toBe('STORE_TOO_NEW')
    pragma(path, 'user_version = 1')
    await using node = await createStorageNode(store)
    expect((await node.status()).uploads).toBe(204)
  })
})

it('a block file that no row names, as a crash leaves it, is gone after the next start', async () => {
  await using store = await copy()
  const folder = join(store.dataDir, 'blocks/0000000')
  const before = await readdir(folder)
  const orphan = `${base32upper.encode(rawCid(noise(100_000, 9)).multihash.bytes)}.data`
  await writeFile(join(folder, orphan), noise(50_000, 9))
  await using node = await createStorageNode(store)
  expect(await readdir(folder)).toEqual(before)
  await checkWhole(node)
})

it("files of somebody else's among the blocks neither hurt nor are taken away", async () => {
  await using store = await copy()
  const strange = ['blocks/notes.txt', 'blocks/0000000/x.data', 'blocks/0000000/.DS_Store', 'mine']
  for (const path of strange) await writeFile(join(store.dataDir, path), 'mine')
  await mkdir(join(store.dataDir, 'blocks/0000000/folder'))
  await using node = await createStorageNode(store)
  await checkWhole(node)
  for (const path of strange) {
    expect(await readFile(join(store.dataDir, path), 'utf8')).toBe('mine')
  }
})

describe('a damaged block file is an error on every read of it, until the content comes again', () => {
  const damages: [string, (path: string) => Promise<unknown>][] = [
    ['one bit', (path) => overwrite(path, 100, Uint8Array.of(0xff))],
    [
      'its last byte',
      async (path) => overwrite(path, (await stat(path)).size - 1, Uint8Array.of(7)),
    ],
    ['cut short', (path) => writeFile(path, noise(1000))],
    ['empty', (path) => writeFile(path, '')],
    ['gone', (path) => rm(path)],
  ]

  it.each(damages)('%s', async (_, damage) => {
    await using store = await copy()
    await using node = await createStorageNode(store)
    const folder = join(store.dataDir, 'blocks/0000000')
    for (const name of await readdir(folder)) await damage(join(folder, name))
    for (const at of [0, 2]) {
      const failure = await failureOf(node.download(cidAt(at)).bytes())
      expect(failure.code).toBe('BLOCK_CORRUPT')
      const end = contentAt(at).length - 10
      for (const offset of [0, end]) {
        const part = node.download(cidAt(at), { offset, length: 10 }).bytes()
        const code = await part.then(
          (bytes) => checkedPart(bytes, at, offset),
          ({ code }) => code,
        )
        expect(['BLOCK_CORRUPT', 'right']).toContain(code)
      }
    }
    expect((await node.download(cidAt(1)).bytes()).length).toBe(40_000)
    const again = await node.upload(contentAt(0))
    expect(again).toMatchObject({ cid: cidAt(0), created: false })
    await node.upload(contentAt(2))
    await checkWhole(node)
  })
})

/** A part that does not touch the damage is good; other bytes than the right ones never are. */
function checkedPart(bytes: Uint8Array, at: number, offset: number): string {
  return sameBytes(bytes, contentAt(at).subarray(offset, offset + 10)) ? 'right' : 'wrong'
}

async function checkWhole(node: StorageNode): Promise<void> {
  for (const [at, bytes] of contents.entries()) {
    expect(sameBytes(await node.download(cidAt(at)).bytes(), bytes)).toBe(true)
  }
}

describe('a database page of garbage is an error, never other bytes, and no crash', () => {
  it.each([
    ['blocks.db', 8192],
    ['prsm.db', 4096],
  ])('any page of %s', async (name, pageBytes) => {
    const pages = (await stat(join(healthy, name))).size / pageBytes
    expect(pages).toBeGreaterThan(5)
    const outcomes = new Set<string>()
    for (let page = 1; page < pages; page += 1) {
      await using store = await copy()
      await overwrite(join(store.dataDir, name), page * pageBytes, noise(pageBytes, page))
      for (const outcome of await outcomesOf(store.dataDir)) outcomes.add(outcome)
    }
    expect(outcomes).toContain('STORE_CORRUPT')
    const may = ['right', 'STORE_CORRUPT', 'BLOCK_CORRUPT', 'CONTENT_NOT_FOUND']
    expect([...outcomes].filter((outcome) => !may.includes(outcome))).toEqual([])
  })
})

/** How opening, reading, listing and storing end: with the right thing, or with a code. */
async function outcomesOf(dataDir: string): Promise<readonly string[]> {
  const outcome = (work: Promise<boolean>) =>
    work.then(
      (right) => (right ? 'right' : 'wrong'),
      (error: unknown) => (isPrsmError(error) ? error.code : `${error}`),
    )
  const opening = createStorageNode({ dataDir })
  const opened = await outcome(opening.then(() => true))
  if (opened !== 'right') return [opened]
  await using node = await opening
  const reads = contents.map(async (bytes, at) =>
    sameBytes(await node.download(cidAt(at)).bytes(), bytes),
  )
  const all = [
    ...reads,
    node.list({ limit: 1000 }).then(({ uploads }) => uploads.length === 204),
    node.status().then(({ uploads }) => uploads === 204),
    node.upload(contentAt(0)).then(({ cid }) => cid === cidAt(0)),
    node.upload('new').then(({ cid }) => cid.startsWith('bafkrei')),
  ]
  return await Promise.all(all.map(outcome))
}

function pragma(path: string, text: string): void {
  const database = new Sqlite(path)
  database.pragma(text)
  database.close()
}
