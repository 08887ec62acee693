import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { createStorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { inventory } from '../support/inventory.ts'
import { largeContent, largeSha256 } from '../support/large-content.ts'
import { startProgram } from '../support/program.ts'

vi.setConfig({ testTimeout: 180_000 })

type Acknowledged = { readonly seed: number; readonly size: number; readonly cid: string }

const SIZES = [0, 1, 1000, 64 * 1024, 64 * 1024 + 1, 300_000, MIB, MIB + 1, 3 * MIB]
const FILES = 50

/** Runs the program on the sizes from number `from` on, and kills it right after acknowledgement `last`. */
async function killAfter(
  dataDir: string,
  from: number,
  last: number,
): Promise<readonly Acknowledged[]> {
  const sizes = Array.from({ length: FILES - from }, (_, at) => SIZES[(from + at) % SIZES.length])
  await using started = start('store-until-killed.ts', [
    dataDir,
    String(from),
    JSON.stringify(sizes),
  ])
  const { child, ended } = started
  const told: Acknowledged[] = []
  child.on('message', (message: Acknowledged) => {
    told.push(message)
    if (told.length >= Math.min(last, sizes.length)) child.kill('SIGKILL')
  })
  await ended
  return told
}

it('what was acknowledged is there whole, whenever the process is killed', async () => {
  await using folder = await temporaryFolder()
  const acknowledged: Acknowledged[] = []
  for (let last = 1; acknowledged.length < FILES; last *= 2) {
    const told = await killAfter(folder.path, acknowledged.length, last)
    acknowledged.push(...told)
    await using node = await createStorageNode({ dataDir: folder.path })
    for (const { seed, size, cid } of told) {
      expect(sameBytes(await node.download(cid).bytes(), noise(size, seed))).toBe(true)
    }
  }
  {
    await using node = await createStorageNode({ dataDir: folder.path })
    const names = new Set((await node.list()).uploads.map(({ filename }) => filename))
    for (const { seed, size, cid } of acknowledged) {
      expect(names).toContain(`${seed}`)
      expect(sameBytes(await node.download(cid).bytes(), noise(size, seed))).toBe(true)
    }
    const { seed, size, cid } = acknowledged[7] ?? { seed: 0, size: 0, cid: '' }
    const again = await node.upload(noise(size, seed), { filename: `${seed}` })
    expect(again).toMatchObject({ cid, created: false, newBytes: 0 })
  }
  const left = await inventory(folder.path)
  expect(left.files).toEqual(left.named)
  expect(left.strays).toEqual([])
})

const LARGE = 256

it('kill -9 in the middle of a large upload loses nothing, and the same upload succeeds', async () => {
  await using folder = await temporaryFolder()
  const before = noise(2 * MIB)
  let stored: string
  {
    await using node = await createStorageNode({ dataDir: folder.path })
    stored = (await node.upload(before, { filename: 'before' })).cid
  }
  {
    await using started = start('store-large.ts', [folder.path, String(LARGE)])
    await reached(started.child, (LARGE / 2) * MIB)
  }
  const written = await blockFiles(folder.path)
  {
    await using node = await createStorageNode({ dataDir: folder.path })
    expect(sameBytes(await node.download(stored).bytes(), before)).toBe(true)
    expect((await node.list()).uploads).toHaveLength(1)
    expect(await blockFiles(folder.path)).toBeLessThanOrEqual(written)
    const again = await node.upload(largeContent(LARGE), { filename: 'large' })
    expect(again).toMatchObject({ created: true, sha256: largeSha256(LARGE) })
    expect(again.reusedBytes).toBeGreaterThan(0)
  }
  const left = await inventory(folder.path)
  expect(left.files).toEqual(left.named)
  expect(left.uploads).toHaveLength(2)
  expect(left.strays).toEqual([])
})

function start(program: string, args: readonly string[]) {
  return startProgram(join(import.meta.dirname, 'programs', program), args)
}

async function reached(child: ChildProcess, bytes: number): Promise<void> {
  for (;;) {
    const [{ bytesDone, done }] = await once(child, 'message')
    if (done) throw new Error('the upload was over before it could be interrupted')
    if (bytesDone >= bytes) return
  }
}

async function blockFiles(dataDir: string): Promise<number> {
  const names = await readdir(join(dataDir, 'blocks'), { recursive: true })
  return names.filter((name) => name.endsWith('.data')).length
}
