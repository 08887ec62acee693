import { setTimeout as delay } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { createFilePort } from '../../src/files/file-port.ts'
import { createStorageNode } from '../../src/index.ts'
import { rawCid, temporaryFolder } from '../support/block-store.ts'
import { inPieces, MIB, noise, sameBytes } from '../support/content.ts'
import { inventory } from '../support/inventory.ts'

vi.setConfig({ testTimeout: 120_000 })

it('64 uploads at once, new and old content mixed, are all right', async () => {
  await using folder = await temporaryFolder()
  const node = await createStorageNode({ dataDir: folder.path })
  const contents = Array.from({ length: 16 }, (_, at) =>
    noise([10, 70_000, MIB, 2 * MIB + 9][at % 4] ?? 0, at),
  )
  for (const old of contents.slice(0, 4)) await node.upload(old, { filename: 'before' })
  const uploads = Array.from({ length: 64 }, async (_, at) => {
    const bytes = contents[at % 16] ?? new Uint8Array()
    const source = at % 2 === 0 ? bytes : inPieces(bytes, 50_000)
    const stored = await node.upload(source, { filename: `${at % 32}` })
    expect(sameBytes(await node.download(stored.cid).bytes(), bytes)).toBe(true)
    return stored
  })
  const results = await Promise.all(uploads)
  expect(new Set(results.map(({ cid }) => cid)).size).toBe(16)
  expect(results.filter(({ created }) => created)).toHaveLength(32)
  const { blockBytes, uploads: rows } = await node.status()
  expect(rows).toBe(36)
  await node.close()
  const left = await inventory(folder.path)
  expect(left.files).toEqual(left.named)
  await using again = await createStorageNode({ dataDir: folder.path })
  expect((await again.status()).blockBytes).toBe(blockBytes)
  for (const [at, { cid }] of results.entries()) {
    const bytes = contents[at % 16] ?? new Uint8Array()
    expect(sameBytes(await again.download(cid).bytes(), bytes)).toBe(true)
  }
})

it('ranges read at once while the same and other content is stored are right', async () => {
  await using folder = await temporaryFolder()
  await using node = await createStorageNode({ dataDir: folder.path })
  const whole = noise(6 * MIB + 1)
  const { cid } = await node.upload(whole)
  const stores = Array.from({ length: 10 }, (_, at) =>
    node.upload(inPieces(at % 2 === 0 ? whole : noise(4 * MIB, at + 2), 100_000), {
      filename: `${at}`,
    }),
  )
  const reads = Array.from({ length: 300 }, async (_, at) => {
    const offset = (at * 7919 * 131) % whole.byteLength
    const length = 1 + ((at * 104_729) % 300_000)
    const read = await node.download(cid, { offset, length }).bytes()
    return sameBytes(read, whole.subarray(offset, offset + length))
  })
  expect((await Promise.all(reads)).every(Boolean)).toBe(true)
  expect((await Promise.all(stores)).filter(({ cid: again }) => again === cid)).toHaveLength(5)
})

it('a block that is read while it is on its way to a slow disk is the reader’s own copy', async () => {
  await using folder = await temporaryFolder()
  const files = createFilePort({ before: ({ name }) => (name === 'write' ? delay(30) : undefined) })
  await using node = await createStorageNode({ dataDir: folder.path }, { files })
  const blocks = Array.from({ length: 24 }, (_, at) => noise(MIB, at + 1))
  const kept: { readonly read: Uint8Array; readonly right: Uint8Array }[] = []
  const readStored = async (right: Uint8Array): Promise<void> => {
    const cid = rawCid(right).toString()
    const known = await node.stat(cid).catch(() => undefined)
    if (known === undefined) return
    for await (const read of node.download(cid)) kept.push({ read, right })
  }
  async function* content(): AsyncGenerator<Uint8Array> {
    for (const block of blocks) {
      yield block
      for (const each of blocks) await readStored(each)
    }
  }
  const stored = await node.upload(content())
  expect(kept.length).toBeGreaterThan(100)
  expect(kept.filter(({ read, right }) => !sameBytes(read, right))).toEqual([])
  expect(sameBytes(await node.download(stored.cid).bytes(), Buffer.concat(blocks))).toBe(true)
})
