import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { noise, startApi, type TestApi } from './support/api.ts'

const BYTES = 2 * 1024 * 1024
let dataDir: string
let api: TestApi

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'prsm-metrics-'))
  api = await startApi({ dataDir })
})

afterEach(async () => {
  await api[Symbol.asyncDispose]()
  await rm(dataDir, { recursive: true })
})

/** The figures of a scrape, by their names without `prsm_`. */
async function scraped(): Promise<Readonly<Record<string, number>>> {
  const response = await fetch(`${api.server.url}/metrics`)
  expect(response.status).toBe(200)
  const lines = (await response.text()).matchAll(/^prsm_(\w+) (\S+)$/gm)
  return Object.fromEntries([...lines].map(([, name = '', value]) => [name, Number(value)]))
}

test('what is uploaded twice is stored once, and the difference is told', async () => {
  for (const filename of ['one', 'two']) await api.node.upload(noise(BYTES), { filename })
  const figures = await scraped()
  const { logicalBytes, storedBytes, savedBytes, blocks } = await api.node.repoStat()
  expect(logicalBytes).toBe(2 * BYTES)
  expect(figures).toMatchObject({
    content_logical_bytes: logicalBytes,
    block_stored_bytes: storedBytes,
    content_saved_bytes: savedBytes,
    blocks,
    store_reserved_bytes: 0,
    store_max_bytes: 0,
    pins: 1,
  })
  const told = await fetch(`${api.ipfs}/repo/stat`)
  expect(await told.json()).toEqual(await api.node.repoStat())
  expect(figures['content_saved_bytes']).toBe(2 * BYTES - storedBytes)
  expect(figures['store_physical_bytes']).toBeGreaterThan(storedBytes)
})

test('pins count while they are in force', async () => {
  const { cid } = await api.node.upload('kept')
  const soon = await api.node.upload('for a moment', { pin: false })
  expect((await scraped())['pins']).toBe(1)
  await api.node.pin(soon.cid, { expiresAt: new Date(Date.now() + 1500) })
  expect((await scraped())['pins']).toBe(2)
  await expect.poll(async () => (await scraped())['pins'], { timeout: 10_000 }).toBe(1)
  await api.node.unpin(cid)
  expect((await scraped())['pins']).toBe(0)
})

test('a collection tells that it runs, and what it took', async () => {
  await api.node.upload(noise(BYTES), { pin: false })
  const would = await api.node.collect({ dryRun: true })
  expect(would.bytes).toBeGreaterThanOrEqual(BYTES)
  expect(await scraped()).toMatchObject({ collected_blocks_total: 0, collected_bytes_total: 0 })
  const collecting = api.node.collect()
  expect((await api.node.metrics.collectionRunning.get()).values[0]?.value).toBe(1)
  const { blocks, bytes } = await collecting
  expect(await scraped()).toMatchObject({
    collection_running: 0,
    collected_blocks_total: blocks,
    collected_bytes_total: bytes,
  })
  expect({ blocks, bytes }).toEqual({ blocks: would.blocks, bytes: would.bytes })
})

test('a closed node has no figures of its store, and fails no scrape', async () => {
  await api.node.upload('something')
  expect(await scraped()).toHaveProperty('blocks')
  await api.node.close()
  const figures = await scraped()
  expect(figures).not.toHaveProperty('blocks')
  expect(figures).not.toHaveProperty('operations_running')
  expect(figures).toHaveProperty('blocks_written_total')
})
