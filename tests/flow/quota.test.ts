import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { NodeOptions } from '../../src/node/node-options.ts'
import { createStorageNode, type StorageNode } from '../../src/node/storage-node.ts'
import { noise } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'

const MIB = 1024 ** 2

async function openNode(options: NodeOptions = {}) {
  const path = await mkdtemp(join(tmpdir(), 'prsm-quota-'))
  const node = await createStorageNode({ dataDir: path, storageReserveBytes: 0, ...options })
  return {
    node,
    path,
    [Symbol.asyncDispose]: async () => {
      await node.close()
      await rm(path, { recursive: true, force: true })
    },
  }
}

/** What the folder takes, as the system counts it. */
const du = (path: string): number =>
  Number(execFileSync('du', ['-sB1', path], { encoding: 'utf8' }).split('\t')[0])

async function* slowly(bytes: Uint8Array, pieces: number): AsyncGenerator<Uint8Array> {
  const size = Math.ceil(bytes.byteLength / pieces)
  for (let at = 0; at < bytes.byteLength; at += size) {
    yield bytes.subarray(at, at + size)
    await delay(1)
  }
}

/** The highest use while `work` runs. */
async function watching(path: string, work: Promise<unknown>): Promise<number> {
  let most = 0
  let isOver = false
  const done = work.finally(() => {
    isOver = true
  })
  while (!isOver) {
    most = Math.max(most, du(path))
    await delay(20)
  }
  await done
  return most
}

function outcomes(results: readonly PromiseSettledResult<unknown>[]): Set<string> {
  return new Set(results.map((one) => (one.status === 'rejected' ? one.reason.code : 'stored')))
}

test('the limit is hard, also for 64 uploads at once, and what is stored stays readable', async () => {
  const max = 120 * MIB
  await using opened = await openNode({ storageMaxBytes: max })
  const { node, path } = opened
  const first = await node.upload(noise(5 * MIB, 999))
  const uploads = Array.from({ length: 64 }, (_, seed) =>
    node.upload(slowly(noise(4 * MIB, seed), 8)),
  )
  const all = Promise.allSettled(uploads)
  const most = await watching(path, all)
  expect(most).toBeLessThanOrEqual(max)
  expect(outcomes(await all)).toEqual(new Set(['stored', 'STORAGE_FULL']))
  for (const one of await all) {
    if (one.status !== 'fulfilled') continue
    expect(await node.download(one.value.cid, { offline: true }).bytes()).toHaveLength(4 * MIB)
  }
  expect(await node.download(first.cid).bytes()).toHaveLength(5 * MIB)
  const { reservedBytes, maxBytes } = await node.repoStat()
  expect([reservedBytes, maxBytes]).toEqual([0, max])
}, 120_000)

test('small blocks, too, do not go beyond the limit', async () => {
  const max = 90 * MIB
  await using opened = await openNode({ storageMaxBytes: max })
  const { node, path } = opened
  const upload = async (seed: number): Promise<void> => {
    for (let at = 0; at < 200; at += 1) await node.upload(noise(30_000, seed * 1000 + at))
  }
  const all = Promise.allSettled(Array.from({ length: 32 }, (_, seed) => upload(seed)))
  expect(await watching(path, all)).toBeLessThanOrEqual(max)
  expect(outcomes(await all)).toEqual(new Set(['STORAGE_FULL']))
}, 120_000)

test('what the node counts is what the disk has', async () => {
  await using opened = await openNode()
  const { node, path } = opened
  for (let seed = 0; seed < 20; seed += 1) await node.upload(noise(3 * MIB + seed, seed))
  for (let seed = 0; seed < 500; seed += 1) await node.upload(noise(20_000, 100 + seed))
  const check = async (): Promise<void> => {
    const { physicalBytes } = await node.repoStat()
    expect(Math.abs(physicalBytes - du(path))).toBeLessThan(0.02 * physicalBytes + 8 * MIB)
  }
  await check()
  for await (const { cid } of node.pins()) await node.unpin(cid)
  await node.collect()
  await check()
  expect(du(path)).toBeLessThan(60 * MIB)
}, 120_000)

test('what is announced and does not fit is refused before a byte is read', async () => {
  await using opened = await openNode({ storageMaxBytes: 40 * MIB })
  const { node } = opened
  let read = 0
  const source = (async function* () {
    read += 1
    yield noise(MIB, 1)
  })()
  expect(await codeOf(node.upload(source, { bytesTotal: 100 * MIB }))).toBe('STORAGE_FULL')
  expect(read).toBe(0)
  expect((await node.upload(noise(MIB, 1))).created).toBe(true)
})

test('what was there already takes no room', async () => {
  await using opened = await openNode({ storageMaxBytes: 60 * MIB })
  const { node } = opened
  const bytes = noise(15 * MIB, 1)
  await node.upload(bytes)
  for (let at = 0; at < 5; at += 1) await node.upload(bytes, { filename: `copy ${at}` })
  const { logicalBytes, storedBytes, savedBytes } = await node.repoStat()
  expect(logicalBytes).toBe(6 * bytes.byteLength)
  expect(savedBytes).toBe(logicalBytes - storedBytes)
  expect(storedBytes).toBeLessThan(1.01 * bytes.byteLength)
})

test('unpinned content makes way by itself when the store is nearly full', async () => {
  const max = 150 * MIB
  await using opened = await openNode({ storageMaxBytes: max })
  const { node } = opened
  const kept = await node.upload(noise(10 * MIB, 7))
  for (let seed = 0; seed < 20; seed += 1) {
    await node.upload(noise(16 * MIB, 100 + seed), { pin: false })
    await untilIdle(node)
  }
  expect(await node.download(kept.cid).bytes()).toHaveLength(10 * MIB)
}, 120_000)

/** Waits while a collection that began by itself runs. */
async function untilIdle(node: StorageNode): Promise<void> {
  await node.collect({ dryRun: true })
}

test('a floor of free space that the disk does not have refuses uploads, not reads', async () => {
  await using opened = await openNode()
  const { node, path } = opened
  const { cid } = await node.upload('hello')
  await node.close()
  await using full = await createStorageNode({
    dataDir: path,
    storageReserveBytes: Number.MAX_SAFE_INTEGER,
  })
  const error = await full.upload('more').catch((failure: unknown) => failure)
  expect(error).toMatchObject({ code: 'STORAGE_FULL' })
  expect(String((error as { hint?: string }).hint)).toContain('PRSM_STORAGE_RESERVE')
  expect(await full.download(cid).bytes()).toHaveLength(5)
})

test('a limit below what is stored: all is read, nothing more is taken, and what is let go makes room', async () => {
  await using opened = await openNode()
  const content = [noise(20 * MIB, 91), noise(5 * MIB, 92)] as const
  const [large, small] = [
    await opened.node.upload(content[0]),
    await opened.node.upload(content[1]),
  ]
  await opened.node.close()
  await using node = await createStorageNode({
    ...{ dataDir: opened.path, storageReserveBytes: 0, storageMaxBytes: 12 * MIB },
  })
  const refused = await node.upload(noise(MIB, 93)).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'STORAGE_FULL', hint: expect.stringMatching(/unpin/) })
  expect(Buffer.compare(await node.download(large.cid).bytes(), content[0])).toBe(0)
  await node.unpin(large.cid)
  await node.collect()
  await node.upload(noise(MIB, 93))
  expect(Buffer.compare(await node.download(small.cid).bytes(), content[1])).toBe(0)
  expect(du(opened.path)).toBeLessThan(12 * MIB)
})
