import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, it } from 'vitest'
import { createStorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'

const OLD = '{"format":1,"inlineBlockBytes":65536,"segmentBytes":65536}'

it.each([
  ['new', undefined, 16_384],
  ['of format 1', OLD, 65_536],
])('a store that is %s keeps the segments it was made with', async (_, stamp, segmentBytes) => {
  await using folder = await temporaryFolder()
  const dataDir = join(folder.path, 'data')
  await mkdir(dataDir)
  if (stamp !== undefined) await writeFile(join(dataDir, 'format.json'), stamp)
  const content = noise(2 * MIB + 100_000)
  const cid = await (async () => {
    await using node = await createStorageNode({ dataDir })
    return (await node.upload(content)).cid
  })()
  await using node = await createStorageNode({ dataDir })
  for (const [offset, length] of [
    [0, 10],
    [70_000, 100],
    [MIB - 5, MIB + 10],
    [2 * MIB, 100_000],
  ] as const) {
    const part = await node.download(cid, { offset, length }).bytes()
    expect(sameBytes(part, content.subarray(offset, offset + length))).toBe(true)
  }
  const checksums = [100_000, MIB, MIB].map((bytes) => 4 * Math.ceil(bytes / segmentBytes))
  expect(checksumsOf(dataDir)).toEqual(checksums)
  if (stamp !== undefined) {
    expect(await readFile(join(dataDir, 'format.json'), 'utf8')).toBe(stamp)
  }
  await spoil(dataDir, 100)
  const inFirst = { offset: 0, length: 2 * MIB }
  expect(await codeOf(node.download(cid, { offset: 100, length: 10 }).bytes())).toBe(
    'BLOCK_CORRUPT',
  )
  expect(await codeOf(node.download(cid, inFirst).bytes())).toBe('BLOCK_CORRUPT')
})

/** Bytes of the checksums of each block file, sorted by the size of the block. */
function checksumsOf(dataDir: string): number[] {
  const db = new Sqlite(join(dataDir, 'blocks.db'), { readonly: true })
  const sql = 'SELECT length(segments) AS bytes FROM block WHERE place = 2 ORDER BY size'
  const rows = db.prepare<[], { bytes: number }>(sql).all()
  db.close()
  return rows.map(({ bytes }) => bytes)
}

/** Changes the byte at `position` of every block file. */
async function spoil(dataDir: string, position: number): Promise<void> {
  const blocks = join(dataDir, 'blocks')
  for (const name of await readdir(blocks, { recursive: true })) {
    if (!name.endsWith('.data')) continue
    const bytes = await readFile(join(blocks, name))
    bytes[position] = (bytes[position] ?? 0) ^ 1
    await writeFile(join(blocks, name), bytes)
  }
}
