import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { createFilePort, type FileOperation } from '../../src/files/file-port.ts'
import { createStorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { inPieces, MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { inventory } from '../support/inventory.ts'

vi.setConfig({ testTimeout: 60_000 })

type Fails = (operation: FileOperation) => boolean

/** A disk that fails with `code` for the operations `fails` names, while it is broken. */
function disk(code: string, fails: Fails) {
  const state = { broken: false, failed: 0 }
  const files = createFilePort({
    before: (operation) => {
      if (!state.broken || !fails(operation)) return
      state.failed += 1
      throw Object.assign(new Error(`${code}: ${operation.name}`), { code })
    },
  })
  return { state, files }
}

const stored = noise(2 * MIB, 1)
const more = noise(40 * MIB, 2)

describe('a full disk', () => {
  const places: [string, Fails][] = [
    ['writing a block', ({ name, path }) => name === 'write' && path.endsWith('.data')],
    ['writing, where removing fails too', ({ name }) => name === 'write' || name === 'unlink'],
    ['syncing a block', ({ name, path }) => name === 'datasync' && path.endsWith('.data')],
    ['making a directory durable', ({ name }) => name === 'syncDirectory'],
    ['one write of ten', ({ name, number }) => name === 'write' && number % 10 === 0],
  ]

  it.each(places)(
    'found by %s refuses uploads, reads go on, and with room all works',
    async (_, fails) => {
      await using folder = await temporaryFolder()
      const { state, files } = disk('ENOSPC', fails)
      const node = await createStorageNode({ dataDir: folder.path }, { files })
      const { cid } = await node.upload(stored, { filename: 'stored' })
      state.broken = true
      const failure = await failureOf(node.upload(inPieces(more, MIB)))
      expect(failure.code).toBe('STORAGE_FULL')
      expect(failure.hint).toContain('space')
      expect(state.failed).toBeGreaterThan(0)
      expect(sameBytes(await node.download(cid).bytes(), stored)).toBe(true)
      expect((await node.list()).uploads).toHaveLength(1)
      const again = await node.upload(stored, { filename: 'stored' })
      expect(again).toMatchObject({ created: false, newBytes: 0 })
      state.broken = false
      const result = await node.upload(more)
      expect(result).toMatchObject({ created: true })
      expect(sameBytes(await node.download(result.cid).bytes(), more)).toBe(true)
      await node.close()
      const left = await inventory(folder.path)
      expect(left.files).toEqual(left.named)
      expect(left.uploads).toHaveLength(2)
    },
  )

  it('fails every upload that runs, and each works again', async () => {
    await using folder = await temporaryFolder()
    const { state, files } = disk('ENOSPC', ({ name }) => name === 'write')
    await using node = await createStorageNode({ dataDir: folder.path }, { files })
    state.broken = true
    const upload = (seed: number) => node.upload(noise(3 * MIB, seed), { filename: `${seed}` })
    const codes = await Promise.all([1, 2, 3, 3].map((seed) => codeOf(upload(seed))))
    expect(codes).toEqual(codes.map(() => 'STORAGE_FULL'))
    state.broken = false
    await Promise.all([1, 2, 3].map(upload))
    expect((await node.list()).uploads).toHaveLength(3)
  })

  it('cannot begin a store, and leaves a folder that can be begun later', async () => {
    await using folder = await temporaryFolder()
    const { state, files } = disk('ENOSPC', ({ name }) => name === 'write')
    state.broken = true
    const dataDir = join(folder.path, 'data')
    expect(await codeOf(createStorageNode({ dataDir }, { files }))).toBe('STORAGE_FULL')
    expect(await readdir(dataDir)).not.toContain('format.json')
    await using node = await createStorageNode({ dataDir })
    expect(await node.upload(stored)).toMatchObject({ created: true })
  })
})

describe('a disk whose sync fails', () => {
  const wal = (name: string): Fails => {
    return (operation) => operation.name === 'datasync' && operation.path.endsWith(`${name}.db-wal`)
  }

  const small = Buffer.from('in the database')
  const large = noise(MIB, 7)

  it.each([
    { name: 'blocks', first: small, what: 'a small block' },
    { name: 'blocks', first: large, what: 'a large block' },
    { name: 'prsm', first: small, what: 'a small block' },
  ])(
    'for the database $name, met by $what: nothing more is acknowledged, reads go on',
    async ({ name, first }) => {
      await using folder = await temporaryFolder()
      const { state, files } = disk('EIO', wal(name))
      const node = await createStorageNode({ dataDir: folder.path }, { files })
      const { cid } = await node.upload(stored, { filename: 'stored' })
      state.broken = true
      expect(await codeOf(node.upload(first))).toBe('STORAGE_IO')
      state.broken = false
      // What was committed and not synced is seen by reads; it must not be taken for stored.
      for (const bytes of [first, small, large, noise(MIB, 8)]) {
        expect(await codeOf(node.upload(bytes))).toBe('STORAGE_IO')
      }
      expect(sameBytes(await node.download(cid).bytes(), stored)).toBe(true)
      await node.list()
      await node.close()
      const left = await inventory(folder.path)
      expect(left.named.filter((path) => !left.files.includes(path))).toEqual([])
      await using again = await createStorageNode({ dataDir: folder.path })
      expect(sameBytes(await again.download(cid).bytes(), stored)).toBe(true)
      for (const bytes of [small, large]) {
        const result = await again.upload(bytes, { filename: 'again' })
        expect(sameBytes(await again.download(result.cid).bytes(), bytes)).toBe(true)
      }
    },
  )
})

it('a disk that cannot be read is an error, not missing content, and no damage is recorded', async () => {
  await using folder = await temporaryFolder()
  const { state, files } = disk('EIO', ({ name }) => name === 'read')
  await using node = await createStorageNode({ dataDir: folder.path }, { files })
  const { cid } = await node.upload(stored)
  state.broken = true
  expect(await codeOf(node.download(cid).bytes())).toBe('STORAGE_IO')
  expect(await codeOf(node.download(cid, { offset: 5, length: 5 }).bytes())).toBe('STORAGE_IO')
  state.broken = false
  expect(sameBytes(await node.download(cid).bytes(), stored)).toBe(true)
  expect(await node.upload(stored)).toMatchObject({ newBytes: 0 })
})

it('a new store syncs the folders its own name is in, before it says that it is one', async () => {
  await using folder = await temporaryFolder()
  const seen: string[] = []
  const files = createFilePort({ before: ({ name, path }) => void seen.push(`${name} ${path}`) })
  const dataDir = join(folder.path, 'new', 'data')
  await (await createStorageNode({ dataDir }, { files })).close()
  const stamped = seen.findIndex((operation) => operation.startsWith('rename'))
  for (const parent of [join(folder.path, 'new'), folder.path]) {
    const synced = seen.indexOf(`syncDirectory ${parent}`)
    expect(synced).toBeGreaterThanOrEqual(0)
    expect(synced).toBeLessThan(stamped)
  }
  seen.length = 0
  await (await createStorageNode({ dataDir }, { files })).close()
  expect(seen).not.toContain(`syncDirectory ${folder.path}`)
})
