import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { createStorageNode, type Progress, type StorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { collected, inPieces, MIB, noise } from '../support/content.ts'
import { failureOf } from '../support/failure.ts'
import { inventory } from '../support/inventory.ts'

vi.setConfig({ testTimeout: 60_000 })

/** What was told, in order; it never goes back, and the end is told last. */
function listener(size: number) {
  const told: Progress[] = []
  return {
    onProgress: (progress: Progress) => void told.push(progress),
    check: () => {
      expect(told.length).toBeGreaterThan(0)
      expect(told.at(-1)).toMatchObject({ bytesDone: size, bytesTotal: size, percent: 100 })
      for (const [at, progress] of told.entries()) {
        expect(progress.bytesDone).toBeGreaterThanOrEqual(told[at - 1]?.bytesDone ?? 0)
        expect(progress.elapsedMs).toBeGreaterThanOrEqual(told[at - 1]?.elapsedMs ?? 0)
        expect(progress.percent ?? 0).toBeLessThanOrEqual(100)
        expect(progress.remainingMs ?? 0).toBeGreaterThanOrEqual(0)
      }
      return told
    },
  }
}

const memoryNode = () => createStorageNode({ storage: 'memory' })

describe('onProgress', () => {
  it.each([0, 1, MIB, 5 * MIB + 1])('tells of %i bytes of a known size', async (size) => {
    await using node = await memoryNode()
    const up = listener(size)
    const { cid } = await node.upload(noise(size), up)
    const told = up.check()
    if (size > 0) expect(told[0]).toMatchObject({ bytesTotal: size })
    const down = listener(size)
    await node.download(cid, down).bytes()
    down.check()
  })

  it('knows percent and time left while bytes come, where the size is announced', async () => {
    await using node = await memoryNode()
    const { onProgress, check } = listener(4 * MIB)
    async function* slow(): AsyncGenerator<Uint8Array> {
      for await (const piece of inPieces(noise(4 * MIB), MIB)) {
        yield piece
        await new Promise((resolve) => setTimeout(resolve, 120))
      }
    }
    await node.upload(slow(), { bytesTotal: 4 * MIB, onProgress })
    const half = check().find(({ bytesDone }) => bytesDone === 2 * MIB)
    expect(half).toMatchObject({ bytesTotal: 4 * MIB, percent: 50 })
    expect(half?.remainingMs).toBeCloseTo(half?.elapsedMs ?? 0, 0)
  })

  it('leaves the total out until the end, where nobody knows it', async () => {
    await using node = await memoryNode()
    const { onProgress, check } = listener(2 * MIB)
    await node.upload(inPieces(noise(2 * MIB), MIB), { onProgress })
    const [first] = check()
    expect(first).not.toHaveProperty('bytesTotal')
    expect(first).not.toHaveProperty('percent')
    expect(first).not.toHaveProperty('remainingMs')
  })

  it('counts the files of a folder together, in and out', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'in')
    await mkdir(join(path, 'sub'), { recursive: true })
    await writeFile(join(path, 'a'), noise(MIB + 1))
    await writeFile(join(path, 'sub/b'), noise(100))
    await writeFile(join(path, 'sub/empty'), '')
    await using node = await memoryNode()
    const up = listener(MIB + 101)
    const { cid } = await node.upload({ path }, up)
    expect(up.check()[0]).toMatchObject({ bytesTotal: MIB + 101 })
    const down = listener(MIB + 101)
    await node.downloadTo(cid, join(folder.path, 'out'), down)
    down.check()
    const empty = listener(0)
    await mkdir(join(folder.path, 'empty'))
    await node.upload({ path: join(folder.path, 'empty') }, empty)
    empty.check()
  })

  it('counts the bytes of a range, and of a file that is saved', async () => {
    await using folder = await temporaryFolder()
    await using node = await memoryNode()
    const { cid } = await node.upload(noise(3 * MIB))
    const range = listener(MIB)
    await collected(node.download(cid, { ...range, offset: MIB, length: MIB }))
    range.check()
    const clipped = listener(10)
    await collected(node.download(cid, { ...clipped, offset: 3 * MIB - 10, length: MIB }))
    clipped.check()
    const saved = listener(3 * MIB)
    await node.downloadTo(cid, join(folder.path, 'out'), saved)
    saved.check()
  })

  it('is told a hundred times for a thousand pieces at most', async () => {
    await using node = await memoryNode()
    const { onProgress, check } = listener(1_000_000)
    await node.upload(inPieces(noise(1_000_000), 1000), { onProgress })
    expect(check().length).toBeLessThan(100)
  })
})

describe('a listener that throws', () => {
  const thrown = new Error('the view is gone')
  const at = (when: (progress: Progress) => boolean) => ({
    onProgress: (progress: Progress) => {
      if (when(progress)) throw thrown
    },
  })
  const calls = {
    'at once': at(() => true),
    'at the end': at(({ bytesDone, percent }) => bytesDone === 2 * MIB && percent === 100),
  }

  it.each(Object.entries(calls))('ends an upload %s, which then has no name', async (_, call) => {
    await using folder = await temporaryFolder()
    await using node = await createStorageNode({ dataDir: folder.path })
    const failure = await failureOf(node.upload(inPieces(noise(2 * MIB), MIB), call))
    expect(failure).toMatchObject({ code: 'INVALID_INPUT', cause: thrown })
    expect(failure.message).toContain('the view is gone')
    await checkNothingNamed(node, folder.path)
  })

  it.each(Object.entries(calls))('ends a download %s, and nothing is saved', async (_, call) => {
    await using folder = await temporaryFolder()
    await using node = await memoryNode()
    const file = await node.upload(noise(2 * MIB))
    const bytes = node.download(file.cid, call).bytes()
    expect(await failureOf(bytes)).toMatchObject({ code: 'INVALID_INPUT', cause: thrown })
    const saved = node.downloadTo(file.cid, join(folder.path, 'out'), call)
    expect(await failureOf(saved)).toMatchObject({ code: 'INVALID_INPUT', cause: thrown })
    expect(await readdir(folder.path)).toEqual([])
  })
})

async function checkNothingNamed(node: StorageNode, dataDir: string): Promise<void> {
  expect(await node.list()).toEqual({ uploads: [] })
  await node.close()
  const left = await inventory(dataDir)
  expect(left).toMatchObject({ roots: [], uploads: [], strays: [] })
  expect(left.files).toEqual(left.named)
}
