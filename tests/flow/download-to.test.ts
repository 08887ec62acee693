import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createStorageNode, type StorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { openFiles } from '../support/open-files.ts'

vi.setConfig({ testTimeout: 60_000 })

const whole = noise(5 * MIB + 3)
const stack = new AsyncDisposableStack()
let node: StorageNode
let place: string
let file: string
let folder: string

beforeAll(async () => {
  node = stack.use(await createStorageNode({ storage: 'memory' }))
  const source = stack.use(await temporaryFolder()).path
  await mkdir(join(source, 'sub/empty'), { recursive: true })
  await writeFile(join(source, 'sub/large'), whole)
  await writeFile(join(source, 'sub/zoë'), 'z')
  await writeFile(join(source, '.hidden'), '')
  folder = (await node.upload({ path: source })).cid
  file = (await node.upload(whole)).cid
  place = stack.use(await temporaryFolder()).path
})

afterAll(() => stack.disposeAsync())

describe('downloadTo', () => {
  it('saves a file', async () => {
    const path = join(place, 'file')
    const saved = await node.downloadTo(file, path)
    const size = whole.byteLength
    const durationMs = expect.any(Number)
    expect(saved).toEqual({ cid: file, kind: 'file', path, bytes: size, files: 1, durationMs })
    expect(sameBytes(await readFile(path), whole)).toBe(true)
    expect((await stat(path)).mode & 0o111).toBe(0)
  })

  it('saves an empty file', async () => {
    const { cid } = await node.upload('')
    const path = join(place, 'nothing')
    expect(await node.downloadTo(cid, path)).toMatchObject({ bytes: 0, files: 1 })
    expect((await stat(path)).size).toBe(0)
  })

  it('saves a folder with all that is in it', async () => {
    const path = join(place, 'folder')
    const saved = await node.downloadTo(folder, path)
    expect(saved).toMatchObject({ kind: 'directory', files: 3, bytes: whole.byteLength + 1, path })
    expect((await readdir(path, { recursive: true })).sort()).toEqual(
      ['.hidden', 'sub', 'sub/empty', 'sub/large', 'sub/zoë'].sort(),
    )
    expect(sameBytes(await readFile(join(path, 'sub/large')), whole)).toBe(true)
    expect((await node.upload({ path })).cid).toBe(folder)
  })

  it('saves what a path inside a folder names, and says where', async () => {
    const path = relative(process.cwd(), join(place, 'relative'))
    const saved = await node.downloadTo(`${folder}/sub/zoë`, path)
    expect(saved).toMatchObject({ kind: 'file', path: join(place, 'relative'), bytes: 1 })
    const inner = await node.downloadTo(`/ipfs/${folder}/sub`, join(place, 'sub'))
    expect(inner).toMatchObject({ kind: 'directory', files: 2 })
  })
})

describe('what cannot be saved leaves everything as it was', () => {
  const names = async () => (await readdir(place)).sort()

  it('a path that exists is not replaced', async () => {
    await writeFile(join(place, 'taken'), 'mine')
    await mkdir(join(place, 'taken-folder'))
    const before = await names()
    for (const content of [file, folder]) {
      for (const name of ['taken', 'taken-folder']) {
        const failure = await failureOf(node.downloadTo(content, join(place, name)))
        expect(failure.code).toBe('FILE_UNWRITABLE')
        expect(failure.message).toContain(name)
      }
    }
    expect(await readFile(join(place, 'taken'), 'utf8')).toBe('mine')
    expect(await names()).toEqual(before)
  })

  it('a folder that is not there is not made', async () => {
    const before = await names()
    expect(await codeOf(node.downloadTo(file, join(place, 'none/file')))).toBe('FILE_NOT_FOUND')
    expect(await codeOf(node.downloadTo(file, join(place, 'taken/file')))).toBe('FILE_NOT_FOUND')
    expect(await names()).toEqual(before)
  })

  it.each(['file', 'folder'])('a %s that is cancelled leaves no temporary file', async (kind) => {
    const before = await names()
    const controller = new AbortController()
    const saving = node.downloadTo(kind === 'file' ? file : folder, join(place, 'cancelled'), {
      signal: controller.signal,
      onProgress: ({ bytesDone }) => bytesDone > MIB / 2 && controller.abort(),
    })
    expect(await codeOf(saving)).toBe('CANCELLED')
    expect(await names()).toEqual(before)
    expect(await openFiles(place)).toEqual([])
    const { signal } = controller
    const late = node.downloadTo(file, join(place, 'cancelled'), { signal })
    expect(await codeOf(late)).toBe('CANCELLED')
  })

  it('a node that closes cancels it, waits for it, and nothing stays', async () => {
    const data = join(place, 'data')
    const closing = await createStorageNode({ dataDir: data })
    const { cid } = await closing.upload(whole)
    const before = await names()
    const saving = closing.downloadTo(cid, join(place, 'closed'), {
      onProgress: () => void closing.close(),
    })
    expect(await codeOf(saving)).toBe('NODE_CLOSED')
    await closing.close()
    expect(await names()).toEqual(before)
    expect(await openFiles(place)).toEqual([])
  })

  it('a folder nobody may write to says so', async () => {
    const failure = await failureOf(node.downloadTo(file, '/sys/prsm-test'))
    expect(failure.code).toBe('FILE_UNWRITABLE')
  })

  it('content that is not there', async () => {
    const before = await names()
    const absent = node.downloadTo(`${folder}/none`, join(place, 'absent'))
    expect(await codeOf(absent)).toBe('PATH_NOT_FOUND')
    expect(await names()).toEqual(before)
  })
})
