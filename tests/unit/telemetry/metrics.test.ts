import { describe, expect, test } from 'vitest'
import { PrsmError } from '../../../src/core/errors.ts'
import { beginOperation, createMetrics, observe } from '../../../src/telemetry/metrics.ts'
import { collectNodeMetrics } from '../../../src/telemetry/node-metrics.ts'
import { collectProcessMetrics } from '../../../src/telemetry/process-metrics.ts'

describe('metrics', () => {
  test('observe counts a success and its duration', async () => {
    const metrics = createMetrics()
    expect(await observe(metrics, 'upload', async () => 7)).toBe(7)
    const text = await metrics.registry.metrics()
    expect(text).toContain('ipfs_operations_total{operation="upload",status="ok"} 1')
    expect(text).toContain('ipfs_operation_duration_seconds_count{operation="upload"} 1')
  })

  test('observe counts a failure under its code and passes it on', async () => {
    const metrics = createMetrics()
    const failed = observe(metrics, 'stat', () => Promise.reject(new PrsmError('INVALID_CID', 'x')))
    await expect(failed).rejects.toThrow('x')
    await expect(
      observe(metrics, 'stat', () => Promise.reject(new TypeError('y'))),
    ).rejects.toThrow('y')
    const text = await metrics.registry.metrics()
    expect(text).toContain('ipfs_operations_total{operation="stat",status="INVALID_CID"} 1')
    expect(text).toContain('ipfs_operations_total{operation="stat",status="INTERNAL"} 1')
  })

  test('an operation ends once', async () => {
    const metrics = createMetrics()
    const end = beginOperation(metrics, 'download')
    end(new DOMException('gone', 'AbortError'))
    end()
    const text = await metrics.registry.metrics()
    expect(text).toContain('ipfs_operations_total{operation="download",status="CANCELLED"} 1')
    expect(text).not.toContain('status="ok"')
  })

  test('a content of 40 GiB has a bucket', async () => {
    const metrics = createMetrics()
    metrics.contentBytes.observe({ operation: 'upload' }, 40 * 2 ** 30)
    expect(await metrics.registry.metrics()).toContain(
      `ipfs_content_size_bytes_bucket{le="${64 * 2 ** 30}",operation="upload"} 1`,
    )
  })

  test('two nodes in one process count apart', async () => {
    const [first, second] = [createMetrics(), createMetrics()]
    first.blocksWritten.inc(3)
    expect(await first.registry.metrics()).toContain('prsm_blocks_written_total 3')
    expect(await second.registry.metrics()).toContain('prsm_blocks_written_total 0')
  })
})

describe('collectProcessMetrics', () => {
  test('adds figures of the process and of the event loop', async () => {
    const metrics = createMetrics()
    using _figures = collectProcessMetrics(metrics)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const text = await metrics.registry.metrics()
    const value = (name: string) => Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1])
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6)
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(value('nodejs_eventloop_lag_max_seconds')).toBeGreaterThan(0)
    expect(
      Math.abs(value('process_start_time_seconds') * 1000 + process.uptime() * 1000 - Date.now()),
    ).toBeLessThan(5000)
    expect(text).toContain('# TYPE process_cpu_seconds_total counter')
  })

  test('leaves nothing behind, and can begin anew', async () => {
    const metrics = createMetrics()
    const before = await metrics.registry.metrics()
    collectProcessMetrics(metrics)[Symbol.dispose]()
    expect(await metrics.registry.metrics()).toBe(before)
    using _again = collectProcessMetrics(metrics)
    expect(await metrics.registry.metrics()).toContain('process_cpu_seconds_total')
  })
})

describe('collectNodeMetrics', () => {
  const stat = {
    ...{ logicalBytes: 9, blocks: 2, storedBytes: 5, savedBytes: 4 },
    ...{ physicalBytes: 8, reservedBytes: 1, maxBytes: null, pins: 3 },
  }
  const operations = { running: 2, waiting: 1 }

  test('asks once a scrape, and not otherwise', async () => {
    const metrics = createMetrics()
    let asked = 0
    const store = async () => {
      asked += 1
      return stat
    }
    using _figures = collectNodeMetrics(metrics, { operations, store })
    expect(asked).toBe(0)
    const text = await metrics.registry.metrics()
    expect(asked).toBe(1)
    for (const line of ['content_saved_bytes 4', 'store_max_bytes 0', 'pins 3']) {
      expect(text).toContain(`\nprsm_${line}\n`)
    }
    await metrics.registry.metrics()
    expect(asked).toBe(2)
  })

  test('leaves out what cannot be read, and has it again afterwards', async () => {
    const metrics = createMetrics()
    let isBroken = true
    const store = async () => {
      if (isBroken) throw new PrsmError('STORAGE_IO', 'the disk failed')
      return stat
    }
    using _figures = collectNodeMetrics(metrics, { operations, store })
    const broken = await metrics.registry.metrics()
    expect(broken).not.toMatch(/^prsm_blocks /m)
    expect(broken).toContain('\nprsm_operations_running 2\n')
    isBroken = false
    expect(await metrics.registry.metrics()).toContain('\nprsm_blocks 2\n')
  })

  test('leaves nothing behind', async () => {
    const metrics = createMetrics()
    const before = await metrics.registry.metrics()
    collectNodeMetrics(metrics, { operations, store: async () => stat })[Symbol.dispose]()
    expect(await metrics.registry.metrics()).toBe(before)
  })
})
