import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FolderEntry } from '../../src/core/content.ts'
import { walkFolder } from '../../src/unixfs/directory.ts'
import { importFile, importFolder } from '../../src/unixfs/import.ts'
import { noise } from '../unit/unixfs/deterministic.ts'
import { MemoryBlocks } from '../unit/unixfs/memory-blocks.ts'

/* The same bytes, added by Kubo and by us, have the same CID. Kubo is real; no Go to build it fails. */

const run = promisify(execFile)
const MIB = 1_048_576
const FIRST_BUILD_MS = 600_000

let ipfs: string
let root: string
let repo: string

beforeAll(async () => {
  const script = new URL('../../scripts/kubo.sh', import.meta.url).pathname
  ipfs = (await run('bash', [script])).stdout.trim()
  root = await mkdtemp(join(tmpdir(), 'prsm-kubo-'))
  repo = join(root, 'repo')
  await run(ipfs, ['--repo-dir', repo, 'init', '--profile=unixfs-v1-2025'])
}, FIRST_BUILD_MS)

afterAll(async () => {
  await rm(root, { recursive: true, force: true })
})

async function kuboAdd(path: string): Promise<string> {
  const added = await run(ipfs, ['--repo-dir', repo, 'add', '-r', '-H', '-Q', '--offline', path])
  return added.stdout.trim()
}

/** Writes `files` (paths ending in `/` are folders) below a new folder and gives its path. */
async function folderOnDisk(name: string, files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const folder = join(root, name)
  await mkdir(folder)
  for (const [path, content] of files) {
    if (path.endsWith('/')) await mkdir(join(folder, path), { recursive: true })
    else {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
    }
  }
  return folder
}

async function* entriesOf(folder: string, below = ''): AsyncGenerator<FolderEntry> {
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) {
      yield { kind: 'directory', path }
      yield* entriesOf(folder, path)
    } else {
      const onDisk = join(folder, path)
      yield {
        kind: 'file',
        path,
        size: (await stat(onDisk)).size,
        content: createReadStream(onDisk),
      }
    }
  }
}

async function expectSameFolder(folder: string): Promise<void> {
  const blocks = new MemoryBlocks()
  const imported = await importFolder(blocks, entriesOf(folder))
  expect(imported.cid.toString()).toBe(await kuboAdd(folder))
  let walked = 0
  for await (const _ of walkFolder(blocks, imported.cid)) walked++
  expect(walked).toBe(imported.files + imported.directories)
}

test.each([0, 1, 255, 65_536, MIB - 1, MIB, MIB + 1, 2 * MIB, 5 * MIB + 7])(
  'a file of %i bytes',
  async (bytes) => {
    const path = join(root, `file-${bytes}`)
    await writeFile(path, noise(bytes, `kubo-${bytes}`))
    const imported = await importFile(new MemoryBlocks(), createReadStream(path))
    expect(imported.bytes).toBe(bytes)
    expect(imported.cid.toString()).toBe(await kuboAdd(path))
  },
)

test('a file of 1.1 GiB, whose tree has two levels', async () => {
  const path = join(root, 'large')
  const part = noise(16 * MIB, 'large')
  await writeFile(
    path,
    Array.from({ length: 71 }, () => part),
  )
  const imported = await importFile({ put: () => Promise.resolve() }, createReadStream(path))
  expect(imported.cid.toString()).toBe(await kuboAdd(path))
  await rm(path)
})

test('the cumulative size of a DAG is the one Kubo computes', async () => {
  const folder = await folderOnDisk('sizes', new Map([['sub/large', noise(3 * MIB, 'sizes')]]))
  const imported = await importFolder(new MemoryBlocks(), entriesOf(folder))
  await kuboAdd(folder)
  const said = await run(ipfs, [
    '--repo-dir',
    repo,
    'files',
    'stat',
    '--offline',
    '--format=<cumulsize>',
    `/ipfs/${imported.cid}`,
  ])
  expect(imported.dagBytes).toBe(Number(said.stdout.trim()))
})

test('an empty folder', async () => {
  await expectSameFolder(await folderOnDisk('empty', new Map()))
})

test('a folder of odd names, hidden files, empty and nested folders', async () => {
  const names = [
    'back\\slash',
    'trailing\\',
    'a^b',
    '50%',
    '%2e%2e',
    ' space ',
    'new\nline',
    'tab\t',
    '.hidden',
    '..dots',
    '...',
    '-',
    '~',
    '#?&=',
    '"quoted"',
    "it's",
    'é',
    'e\u0301',
    '日本語',
    '😀',
    '\u{1F600}\uFF5E',
    '\uFEFFmark',
    '\uFFFD',
    '\u0001',
    'n'.repeat(255),
    'CON',
    'a:b',
    '00',
    'FF',
    '*',
  ]
  const files = new Map<string, Uint8Array>(names.map((name) => [name, Buffer.from(name)]))
  for (const name of names) files.set(`.nested/\\deep/${name}/file`, Buffer.from(`in ${name}`))
  files.set('empty folder/', new Uint8Array())
  files.set('empty file', new Uint8Array())
  files.set('large', noise(2 * MIB + 1, 'odd'))
  files.set('a/b/c/d/e/f/g/h', Buffer.from('deep'))
  await expectSameFolder(await folderOnDisk('odd', files))
})

function numbered(count: number, name: (number: string) => string): Map<string, Uint8Array> {
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const number = String(index).padStart(4, '0')
      return [name(number), Buffer.from(number)]
    }),
  )
}

test('8,000 files: a HAMT', async () => {
  const folder = await folderOnDisk(
    'hamt',
    numbered(8000, (number) => `file-${number}.bin`),
  )
  await expectSameFolder(folder)
})

test('5,000 folders that stay flat, and 5,000 that do not, by the sizes of their links', async () => {
  const flat = numbered(5000, (number) => `flat/d${number}/file`)
  const sharded = numbered(5000, (number) => `sharded/sub-${number}/file`)
  await expectSameFolder(await folderOnDisk('folders', new Map([...flat, ...sharded])))
})
