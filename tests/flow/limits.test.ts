import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { createStorageNode, type FolderEntry, limits } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { inPieces, MIB, noise } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { inventory } from '../support/inventory.ts'

vi.setConfig({ testTimeout: 60_000 })

const maxFileBytes = 2 * MIB

it('a file may have as many bytes as the limit says, and not one more', async () => {
  await using folder = await temporaryFolder()
  await using node = await createStorageNode({ dataDir: folder.path, maxFileBytes })
  expect(await node.upload(noise(maxFileBytes))).toMatchObject({ bytes: maxFileBytes })
  const over = noise(maxFileBytes + 1, 2)
  for (const source of [over, inPieces(over, MIB), new Blob([over])]) {
    const failure = await failureOf(node.upload(source, { filename: 'over' }))
    expect(failure).toMatchObject({ code: 'UPLOAD_TOO_LARGE', details: { maxFileBytes } })
  }
  expect((await node.list()).uploads).toHaveLength(1)
  await node.close()
  const left = await inventory(folder.path)
  expect(left).toMatchObject({ strays: [] })
  expect(left.roots).toHaveLength(1)
  expect(left.files).toEqual(left.named)
})

it('an endless source is read no further than the limit', async () => {
  let given = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      given += 1000
      yield new Uint8Array(1000)
    }
  }
  await using node = await createStorageNode({ storage: 'memory', maxFileBytes })
  expect(await codeOf(node.upload(endless()))).toBe('UPLOAD_TOO_LARGE')
  expect(given).toBeLessThanOrEqual(maxFileBytes + 1000)
})

it('what is announced as too large is refused before a byte is read', async () => {
  await using node = await createStorageNode({ storage: 'memory', maxFileBytes })
  let read = false
  async function* source(): AsyncGenerator<Uint8Array> {
    read = true
    yield new Uint8Array(1)
  }
  const refused = node.upload(source(), { bytesTotal: maxFileBytes + 1 })
  expect(await codeOf(refused)).toBe('UPLOAD_TOO_LARGE')
  expect(read).toBe(false)
  expect((await node.status()).blocks).toBe(0)
})

it('each file of a folder is held to the limit, not all together', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'in')
  await mkdir(path)
  for (const name of ['a', 'b']) await writeFile(join(path, name), noise(maxFileBytes))
  await using node = await createStorageNode({ dataDir: join(folder.path, 'data'), maxFileBytes })
  expect(await node.upload({ path })).toMatchObject({ bytes: 2 * maxFileBytes })
  await writeFile(join(path, 'c'), noise(maxFileBytes + 1))
  const failure = await failureOf(node.upload({ path }))
  expect(failure.code).toBe('UPLOAD_TOO_LARGE')
  expect(failure.message).toContain('c is larger than')
  expect((await node.list()).uploads).toHaveLength(1)
})

it('the size of an entry is not believed', async () => {
  async function* entries(): AsyncGenerator<FolderEntry> {
    yield { kind: 'file', path: 'a', size: 1, content: inPieces(noise(maxFileBytes + 1), MIB) }
  }
  await using node = await createStorageNode({ storage: 'memory', maxFileBytes })
  expect(await codeOf(node.upload({ entries: entries() }))).toBe('UPLOAD_TOO_LARGE')
})

it('0 is no limit, and 1 GiB holds where nobody says', async () => {
  await using none = await createStorageNode({ storage: 'memory', maxFileBytes: 0 })
  expect(await none.upload(noise(maxFileBytes + 1))).toMatchObject({ created: true })
  const bytesTotal = limits.maxFileBytes + 1
  const small = () => inPieces(noise(5), 5)
  expect(await none.upload(small(), { bytesTotal })).toMatchObject({ bytes: 5 })
  await using usual = await createStorageNode({ storage: 'memory' })
  expect(await codeOf(usual.upload(small(), { bytesTotal }))).toBe('UPLOAD_TOO_LARGE')
})

it('a limit that is none is refused', async () => {
  for (const wrong of [-1, Number.NaN, 1.5, Number.POSITIVE_INFINITY]) {
    const opening = createStorageNode({ storage: 'memory', maxFileBytes: wrong })
    expect(await codeOf(opening)).toBe('INVALID_INPUT')
  }
})
