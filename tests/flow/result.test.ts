import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { createStorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { inPieces, MIB, noise, sha256 } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { inventory } from '../support/inventory.ts'

vi.setConfig({ testTimeout: 60_000 })

const size = 3 * MIB + 5
const content = noise(size)

describe('the result of an upload', () => {
  it('says what was stored, and how much of it was new', async () => {
    await using folder = await temporaryFolder()
    await using node = await createStorageNode({ dataDir: folder.path })
    const stored = await node.upload(content, {
      filename: 'model.bin',
      contentType: 'application/x-model',
    })
    expect(stored).toEqual({
      cid: expect.stringMatching(/^bafy/),
      bytes: size,
      sha256: sha256(content),
      filename: 'model.bin',
      contentType: 'application/x-model',
      pinned: true,
      created: true,
      newBytes: expect.any(Number),
      reusedBytes: 0,
      durationMs: expect.any(Number),
    })
    expect(stored.newBytes).toBeGreaterThan(size)
    expect(stored.durationMs).toBeGreaterThan(0)
    expect(await node.status()).toMatchObject({
      blocks: 5,
      blockBytes: stored.newBytes,
      uploads: 1,
      uploadBytes: size,
    })
  })

  it('has a name and a type where nobody gives one', async () => {
    await using node = await createStorageNode({ storage: 'memory' })
    expect(await node.upload('x')).toMatchObject({
      filename: 'content',
      contentType: 'application/octet-stream',
    })
  })
})

describe('the same upload again', () => {
  const options = { filename: 'a', contentType: 'text/plain' }

  it('is not created, and writes nothing', async () => {
    await using node = await createStorageNode({ storage: 'memory' })
    const first = await node.upload(content, options)
    const again = await node.upload(inPieces(content, 70_000), options)
    expect(again).toMatchObject({ cid: first.cid, created: false, newBytes: 0 })
    expect(again.reusedBytes).toBe(first.newBytes)
    expect((await node.list()).uploads).toHaveLength(1)
  })

  it('nor after a restart', async () => {
    await using folder = await temporaryFolder()
    for (const created of [true, false]) {
      await using node = await createStorageNode({ dataDir: folder.path })
      expect(await node.upload(content, options)).toMatchObject({ created })
    }
    expect((await inventory(folder.path)).uploads).toHaveLength(1)
  })

  it('is created once when many do it at the same time', async () => {
    await using folder = await temporaryFolder()
    await using node = await createStorageNode({ dataDir: folder.path })
    const uploads = Array.from({ length: 8 }, () => node.upload(content, options))
    const results = await Promise.all(uploads)
    expect(results.filter(({ created }) => created)).toHaveLength(1)
    const sum = results.reduce((all, { newBytes }) => all + newBytes, 0)
    expect(sum).toBe((await node.status()).blockBytes)
  })

  it('is another upload of stored bytes under another name or type', async () => {
    await using node = await createStorageNode({ storage: 'memory' })
    const first = await node.upload(content, options)
    for (const change of [{ filename: 'b' }, { contentType: 'text/html' }]) {
      const again = await node.upload(content, { ...options, ...change })
      expect(again).toMatchObject({ cid: first.cid, created: true, newBytes: 0 })
      expect(again.reusedBytes).toBe(first.newBytes)
    }
    expect((await node.status()).uploads).toBe(3)
  })
})

describe('expectedSha256', () => {
  it('lets the right content through, in any case of its digits', async () => {
    await using node = await createStorageNode({ storage: 'memory' })
    const expectedSha256 = sha256(content).toUpperCase()
    expect(await node.upload(content, { expectedSha256 })).toMatchObject({ created: true })
    const small = { expectedSha256: sha256(Buffer.from('small')) }
    expect(await node.upload('small', small)).toMatchObject({ sha256: small.expectedSha256 })
  })

  it.each([content, content.subarray(0, 10)])('refuses other content', async (source) => {
    await using folder = await temporaryFolder()
    await using node = await createStorageNode({ dataDir: folder.path })
    const expectedSha256 = sha256(Buffer.from('something else'))
    const failure = await failureOf(node.upload(source, { expectedSha256 }))
    expect(failure.code).toBe('SHA256_MISMATCH')
    expect(failure.details).toEqual({ sha256: sha256(source), expected: expectedSha256 })
    expect(await node.list()).toEqual({ uploads: [] })
    await node.close()
    expect(await inventory(folder.path)).toMatchObject({ roots: [], uploads: [], strays: [] })
  })

  it('refuses what is no SHA-256 before a byte is read', async () => {
    await using node = await createStorageNode({ storage: 'memory' })
    const source = {
      [Symbol.asyncIterator]: () => {
        throw new Error('the source was read')
      },
    }
    for (const expectedSha256 of ['', 'abc', `${'0'.repeat(63)}g`, '0'.repeat(65)]) {
      expect(await codeOf(node.upload(source, { expectedSha256 }))).toBe('INVALID_INPUT')
    }
  })
})

describe('the SHA-256 of a folder', () => {
  it('is what coreutils say of its files', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'folder')
    await mkdir(join(path, 'b/deep'), { recursive: true })
    await mkdir(join(path, 'b-'), { recursive: true })
    await writeFile(join(path, 'b/deep/x'), noise(2 * MIB))
    await writeFile(join(path, 'b/two\nlines'), 'y')
    await writeFile(join(path, 'b-/z'), '')
    await writeFile(join(path, 'zoë'), 'z')
    await writeFile(join(path, '.hidden'), 'h')
    await using node = await createStorageNode({ storage: 'memory' })
    const stored = await node.upload({ path })
    const command =
      "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -z | sha256sum"
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: path })
    expect(stored.sha256).toBe(stdout.slice(0, 64))
    const expectedSha256 = stored.sha256
    expect(await node.upload({ path }, { expectedSha256 })).toMatchObject({ created: false })
    await mkdir(join(path, 'empty'))
    expect(await codeOf(node.upload({ path }, { expectedSha256 }))).toBe('SHA256_MISMATCH')
  })
})
