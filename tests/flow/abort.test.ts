import { mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createStorageNode,
  type FolderEntry,
  PrsmError,
  type StorageNode,
} from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { inPieces, MIB, noise } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { inventory } from '../support/inventory.ts'
import { openFiles } from '../support/open-files.ts'

vi.setConfig({ testTimeout: 60_000 })

const whole = noise(9 * MIB)
let stack: AsyncDisposableStack
let place: string
let dataDir: string
let node: StorageNode

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  place = stack.use(await temporaryFolder()).path
  dataDir = join(place, 'data')
  node = stack.use(await createStorageNode({ dataDir }))
})

/** Whatever ended the upload: nothing has a name, and every block that was stored has its row. */
afterEach(async () => {
  expect(await node.list()).toEqual({ uploads: [] })
  const again = await node.upload(whole, { filename: 'again' })
  expect(again).toMatchObject({ created: true, bytes: whole.byteLength })
  await node.close()
  const left = await inventory(dataDir)
  expect(left.roots).toEqual([again.cid])
  expect(left.files).toEqual(left.named)
  expect(left.strays).toEqual([])
  expect(await openFiles(place)).toEqual([])
  await stack.disposeAsync()
})

describe('a signal ends an upload', () => {
  it('before it begins, and its source is not read', async () => {
    const source = {
      [Symbol.asyncIterator]: () => {
        throw new Error('the source was read')
      },
    }
    expect(await codeOf(node.upload(source, { signal: AbortSignal.abort() }))).toBe('CANCELLED')
  })

  it.each([undefined, new Error('enough'), 'enough', 7])('on its way, for %s', async (reason) => {
    const controller = new AbortController()
    const failure = await failureOf(
      node.upload(inPieces(whole, 100_000), {
        signal: controller.signal,
        onProgress: ({ bytesDone }) => bytesDone > 0 && controller.abort(reason),
      }),
    )
    expect(failure.code).toBe('CANCELLED')
    expect(failure.cause).toBe(controller.signal.reason)
  })

  it('with the error of ours that it was aborted with', async () => {
    const reason = new PrsmError('FORBIDDEN_HOST', 'said the caller')
    const controller = new AbortController()
    const uploading = node.upload(inPieces(whole, 100_000), {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    })
    expect(await failureOf(uploading)).toBe(reason)
  })

  it('at the last moment, when all is stored and nothing named', async () => {
    const controller = new AbortController()
    // Nobody knows the size, so 100 % is told at the end only.
    const uploading = node.upload(inPieces(whole, MIB), {
      signal: controller.signal,
      onProgress: ({ percent }) => percent === 100 && controller.abort(),
    })
    expect(await codeOf(uploading)).toBe('CANCELLED')
  })

  it('while its source is silent', async () => {
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield* inPieces(whole, MIB)
      await new Promise(() => {})
    }
    const signal = AbortSignal.timeout(300)
    expect(await codeOf(node.upload(silent(), { signal }))).toBe('CANCELLED')
  })

  it('and closes the source', async () => {
    const controller = new AbortController()
    const stream = Readable.from(inPieces(whole, 100_000))
    const uploading = node.upload(stream, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    expect(await codeOf(uploading)).toBe('CANCELLED')
    await expect.poll(() => stream.destroyed).toBe(true)
  })

  it('of a file and of a folder on the disk', async () => {
    const path = join(place, 'in')
    await mkdir(path)
    for (const name of ['a', 'b', 'c']) await writeFile(join(path, name), whole)
    for (const source of [{ path }, { path: join(path, 'a') }]) {
      const controller = new AbortController()
      const uploading = node.upload(source, {
        signal: controller.signal,
        onProgress: ({ bytesDone }) => bytesDone > 0 && controller.abort(),
      })
      expect(await codeOf(uploading)).toBe('CANCELLED')
    }
  })
})

describe('a source that fails ends an upload with UPLOAD_INCOMPLETE and its error as the cause', () => {
  const thrown = new Error('the tap ran dry')

  async function* failing(error: unknown): AsyncGenerator<Uint8Array> {
    yield* inPieces(whole.subarray(0, 3 * MIB), 100_000)
    throw error
  }

  it.each([
    ['an error', thrown],
    ['a system error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
    ['a text', 'dry'],
    ['nothing', undefined],
  ])('%s', async (_, error) => {
    const failure = await failureOf(node.upload(failing(error)))
    expect(failure.code).toBe('UPLOAD_INCOMPLETE')
    expect(failure.cause).toBe(error)
    if (error instanceof Error) expect(failure.message).toContain(error.message)
  })

  it('a Node stream that is destroyed, and a web stream that errs', async () => {
    const node1 = await failureOf(node.upload(Readable.from(failing(thrown))))
    expect(node1).toMatchObject({ code: 'UPLOAD_INCOMPLETE', cause: thrown })
    const web = ReadableStream.from(failing(thrown))
    const node2 = await failureOf(node.upload(web))
    expect(node2).toMatchObject({ code: 'UPLOAD_INCOMPLETE', cause: thrown })
    const cut = Readable.from(inPieces(whole, 100_000))
    cut.once('data', () => cut.destroy())
    expect(await codeOf(node.upload(cut))).toBe('UPLOAD_INCOMPLETE')
  })

  it('an error of ours comes as it is', async () => {
    const ours = new PrsmError('FORBIDDEN_ORIGIN', 'said the source')
    expect(await failureOf(node.upload(failing(ours)))).toBe(ours)
  })

  it('in a folder, for its entries and for the content of one', async () => {
    async function* badContent(): AsyncGenerator<FolderEntry> {
      yield { kind: 'file', path: 'a', size: 3 * MIB, content: inPieces(whole, MIB) }
      yield { kind: 'file', path: 'b', size: 3 * MIB, content: failing(thrown) }
    }
    async function* badEntries(): AsyncGenerator<FolderEntry> {
      yield { kind: 'file', path: 'a', size: 3 * MIB, content: inPieces(whole, MIB) }
      throw thrown
    }
    for (const entries of [badContent(), badEntries()]) {
      const failure = await failureOf(node.upload({ entries }))
      expect(failure).toMatchObject({ code: 'UPLOAD_INCOMPLETE', cause: thrown })
    }
  })

  it('a file that gets shorter, or goes away, while it is read', async () => {
    const path = join(place, 'file')
    await writeFile(path, whole)
    const shorter = node.upload({ path }, { onProgress: () => void truncate(path, MIB) })
    expect(await codeOf(shorter)).toBe('UPLOAD_INCOMPLETE')
    const folder = join(place, 'folder')
    await mkdir(folder)
    for (const name of ['a', 'b']) await writeFile(join(folder, name), whole)
    const gone = node.upload(
      { path: folder },
      { onProgress: () => void rm(join(folder, 'b'), { force: true }) },
    )
    expect(await codeOf(gone)).toBe('FILE_NOT_FOUND')
  })
})
