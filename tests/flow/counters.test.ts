import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { createStorageNode } from '../../src/index.ts'

it('counts the blocks it stores and reads, and their bytes', async () => {
  await using node = await createStorageNode({ storage: 'memory' })
  const { cid } = await node.upload(randomBytes(3 * 1024 * 1024))
  await node.upload('a second, small one')
  await node.download(cid).bytes()
  const value = async (name: string) => {
    const metric = await node.metrics.registry.getSingleMetric(name)?.get()
    return metric?.values[0]?.value
  }
  const sizes = await node.metrics.contentBytes.get()
  const counts = sizes.values.filter(({ metricName }) => metricName?.endsWith('_count'))
  expect(counts.map(({ labels, value: count }) => [labels.operation, count])).toEqual([
    ['upload', 2],
    ['download', 1],
  ])
  expect(await value('prsm_blocks_written_total')).toBe(5)
  expect(await value('prsm_block_bytes_written_total')).toBeGreaterThan(3 * 1024 * 1024)
  expect(await value('prsm_blocks_read_total')).toBeGreaterThanOrEqual(4)
  expect(await value('prsm_block_bytes_read_total')).toBeGreaterThan(3 * 1024 * 1024)
})

it.each([0, 1024 * 1024])(
  'reads a file of one block once, also where its size is asked for first: %i bytes of cache',
  async (cacheBytes) => {
    await using node = await createStorageNode({ storage: 'memory', cacheBytes })
    const { cid } = await node.upload('one block')
    const reads = async () => (await node.metrics.blocksRead.get()).values[0]?.value ?? 0
    const before = await reads()
    await node.download(cid).bytes()
    expect(await reads()).toBe(before + 1)
    for await (const _chunk of node.download(cid, { onProgress: () => {} }));
    expect(await reads()).toBe(before + (cacheBytes === 0 ? 2 : 1))
  },
)
