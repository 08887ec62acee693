import { createReadStream } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import type { FolderEntry, UploadSource } from '../../src/index.ts'
import { createStorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { collected, inPieces, MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'

vi.setConfig({ testTimeout: 60_000 })

const HELLO = 'Hello PRSM IPFS!'
const HELLO_CID = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'
const bytes = new TextEncoder().encode(HELLO)

it('the first example: stores 16 bytes under their CID and gives them back', async () => {
  await using folder = await temporaryFolder()
  await using node = await createStorageNode({ dataDir: folder.path })
  const stored = await node.upload(Buffer.from(HELLO), { filename: 'test.txt' })
  expect(stored).toMatchObject({ cid: HELLO_CID, bytes: 16, filename: 'test.txt', created: true })
  const read = await node.download(stored.cid).bytes()
  expect(new TextDecoder().decode(read)).toBe(HELLO)
})

describe('every kind of source is stored as the bytes it stands for', () => {
  function* pieces(): Generator<Uint8Array> {
    yield bytes.subarray(0, 5)
    yield new Uint8Array(0)
    yield bytes.subarray(5)
  }
  const sources: Record<string, () => UploadSource> = {
    'a string': () => HELLO,
    'a Uint8Array': () => bytes,
    'a Uint8Array that is a part of another': () => Buffer.from(`--${HELLO}--`).subarray(2, 18),
    'an ArrayBuffer': () => bytes.buffer,
    'a Blob': () => new Blob([HELLO.slice(0, 3), HELLO.slice(3)]),
    'a generator': pieces,
    'an array of pieces': () => [...pieces()],
    'an async generator': () => inPieces(bytes, 3),
    'an async generator of text': async function* () {
      yield 'Hello '
      yield Buffer.from('PRSM IPFS!')
    },
    'a web stream': () => new Blob([HELLO]).stream(),
    'the body of a Response': () => new Response(HELLO).body ?? '',
    'a Node stream': () => Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]),
    'a Node stream of text': () => Readable.from(['Hello PRSM', ' IPFS!']),
  }

  it.each(Object.entries(sources))('%s', async (_, source) => {
    await using node = await createStorageNode({ storage: 'memory' })
    const stored = await node.upload(source())
    expect(stored).toMatchObject({ cid: HELLO_CID, bytes: 16, filename: 'content' })
  })

  it('the stream, path and URL of a file, the last two with its name', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'a file #1.txt')
    await writeFile(path, HELLO)
    await using node = await createStorageNode({ storage: 'memory' })
    const stream = await node.upload(createReadStream(path))
    expect(stream).toMatchObject({ cid: HELLO_CID, filename: 'content' })
    const named = { cid: HELLO_CID, filename: 'a file #1.txt' }
    expect(await node.upload({ path })).toMatchObject(named)
    expect(await node.upload(pathToFileURL(path))).toMatchObject({ ...named, created: false })
  })

  it('a folder by its path, its URL or its entries, the same each way', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'folder')
    await mkdir(join(path, 'sub/empty'), { recursive: true })
    await writeFile(join(path, '.hidden'), HELLO)
    await writeFile(join(path, 'sub/a'), bytes)
    async function* entries(): AsyncGenerator<FolderEntry> {
      yield { kind: 'directory', path: 'sub/empty' }
      yield { kind: 'file', path: 'sub/a', size: 16, content: inPieces(bytes, 7) }
      yield { kind: 'file', path: '.hidden', size: 16, content: inPieces(bytes, 16) }
    }
    await using node = await createStorageNode({ storage: 'memory' })
    const stored = await node.upload({ path })
    expect(stored).toMatchObject({
      bytes: 32,
      filename: 'folder',
      contentType: 'application/x-directory',
    })
    const { cid, sha256 } = stored
    expect(await node.upload(pathToFileURL(path))).toMatchObject({ cid, sha256, created: false })
    expect(await node.upload({ entries: entries() })).toMatchObject({ cid, sha256 })
    expect(await collected(node.download(`${cid}/sub/a`))).toEqual(Buffer.from(bytes))
  })

  it('links of a folder are refused by name, and followed where that is asked for', async () => {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'target'), HELLO)
    await symlink('target', join(folder.path, 'link'))
    await using node = await createStorageNode({ storage: 'memory' })
    const refusal = await failureOf(node.upload({ path: folder.path }))
    expect(refusal.code).toBe('UNSUPPORTED_ENTRY')
    expect(refusal.message).toContain('link')
    const { cid } = await node.upload({ path: folder.path, dereference: true })
    expect(await collected(node.download(`${cid}/link`))).toEqual(Buffer.from(bytes))
  })

  it('a source that uses one buffer for all its pieces', async () => {
    const whole = noise(3 * MIB + 12_345)
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(100_000)
      for await (const piece of inPieces(whole, buffer.length)) {
        buffer.fill(0)
        buffer.set(piece)
        yield buffer.subarray(0, piece.length)
      }
      buffer.fill(0)
    }
    await using folder = await temporaryFolder()
    await using node = await createStorageNode({ dataDir: folder.path })
    const { cid } = await node.upload(reusing())
    expect(sameBytes(await node.download(cid).bytes(), whole)).toBe(true)
    expect((await node.upload(whole)).cid).toBe(cid)
  })

  it('a source whose pieces are changed once the next one is asked for, file by file', async () => {
    const buffer = new Uint8Array(70_000)
    async function* entries(): AsyncGenerator<FolderEntry> {
      for (const value of [1, 2, 3]) {
        buffer.fill(value)
        yield { kind: 'file', path: `${value}`, size: buffer.length, content: once() }
      }
      buffer.fill(0)
    }
    async function* once(): AsyncGenerator<Uint8Array> {
      yield buffer
    }
    await using folder = await temporaryFolder()
    await using node = await createStorageNode({ dataDir: folder.path })
    const { cid } = await node.upload({ entries: entries() })
    for (const value of [1, 2, 3]) {
      const read = await node.download(`${cid}/${value}`).bytes()
      expect(sameBytes(read, new Uint8Array(70_000).fill(value))).toBe(true)
    }
  })
})

describe('what is no content is refused with a typed error', () => {
  const wrong: Record<string, unknown> = {
    nothing: undefined,
    null: null,
    'a number': 7,
    'a plain object': { content: 'x' },
    'an array of numbers': [1, 2, 3],
    'floating point numbers': new Float32Array(3),
    'a stream of objects': Readable.from([{ a: 1 }]),
    'an http: URL': new URL('http://127.0.0.1/x'),
    'a path that is no string': { path: 7 },
    'entries that are no async iterable': { entries: [] },
    'an entry without a size': {
      entries: (async function* () {
        yield { kind: 'file', path: 'a', content: [] }
      })(),
    },
    'text with half a character': 'a\ud800',
  }

  it.each(Object.entries(wrong))('%s', async (_, source) => {
    await using node = await createStorageNode({ storage: 'memory' })
    const failure = await failureOf(node.upload(source as UploadSource))
    expect(failure.code).toBe('INVALID_INPUT')
    expect(failure.message.length).toBeGreaterThan(10)
    expect(await node.list()).toEqual({ uploads: [] })
  })

  it('a name, a type or a path that cannot be', async () => {
    await using folder = await temporaryFolder()
    await using node = await createStorageNode({ storage: 'memory' })
    for (const filename of ['', '.', '..', 'a/b', 'a\0b', 'é'.repeat(128)]) {
      expect(await codeOf(node.upload('x', { filename }))).toBe('INVALID_INPUT')
    }
    for (const contentType of ['', 'text', 'text/plain\r\nX: 1', `a/${'b'.repeat(254)}`]) {
      expect(await codeOf(node.upload('x', { contentType }))).toBe('INVALID_INPUT')
    }
    for (const bytesTotal of [-1, Number.NaN, 1.5]) {
      expect(await codeOf(node.upload('x', { bytesTotal }))).toBe('INVALID_INPUT')
    }
    expect(await codeOf(node.upload({ path: join(folder.path, 'none') }))).toBe('FILE_NOT_FOUND')
    expect(await node.list()).toEqual({ uploads: [] })
    expect((await node.status()).blocks).toBe(0)
  })

  it('a file stream of a file that is not there', async () => {
    await using folder = await temporaryFolder()
    await using node = await createStorageNode({ storage: 'memory' })
    const failure = await failureOf(node.upload(createReadStream(join(folder.path, 'none'))))
    expect(failure).toMatchObject({ code: 'UPLOAD_INCOMPLETE', cause: { code: 'ENOENT' } })
  })
})
