import { readdir } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metrics } from './metrics.ts'
import { addSamples, type Sample } from './sample.ts'

const NANOSECONDS = 1e9
const MICROSECONDS = 1e6

/**
 * Adds the figures of the process and its event loop to `metrics`, under the names that prom-client
 * and Grafana's boards use. Ours, because prom-client's own keep an observer and a timer that
 * nothing can stop. Disposing takes the metrics out and stops the timer.
 */
export function collectProcessMetrics(metrics: Metrics): Disposable {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const samples = addSamples(metrics, [...processSamples(), ...eventLoopSamples(delay)])
  return {
    [Symbol.dispose]: () => {
      delay.disable()
      samples[Symbol.dispose]()
    },
  }
}

function processSamples(): Sample[] {
  return [
    sample('process_cpu_seconds_total', 'CPU time used, user and system.', cpuSeconds),
    sample('process_start_time_seconds', 'Start of the process since the epoch.', startSeconds),
    sample('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss()),
    sample('process_open_fds', 'Open file descriptors.', openDescriptors),
    sample('nodejs_heap_size_used_bytes', 'Heap in use.', () => process.memoryUsage().heapUsed),
    sample('nodejs_external_memory_bytes', 'Buffers and other memory outside the heap.', () => {
      return process.memoryUsage().external
    }),
  ]
}

type Delay = ReturnType<typeof monitorEventLoopDelay>

function eventLoopSamples(delay: Delay): Sample[] {
  const seconds = (nanoseconds: number) =>
    Number.isFinite(nanoseconds) ? nanoseconds / NANOSECONDS : 0
  const lag = (name: string, help: string, read: () => number) =>
    sample(`nodejs_eventloop_lag_${name}_seconds`, help, () => seconds(read()))
  return [
    lag('mean', 'Mean delay of the event loop.', () => delay.mean),
    lag('p99', '99th percentile of the delay of the event loop.', () => delay.percentile(99)),
    lag('max', 'Longest delay of the event loop since the last scrape.', () => longest(delay)),
  ]
}

/** Read last, it begins the next interval. */
function longest(delay: Delay): number {
  const max = delay.max
  delay.reset()
  return max
}

function sample(name: string, help: string, read: Sample['read']): Sample {
  return { name, help, read }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / MICROSECONDS
}

function startSeconds(): number {
  return Date.now() / 1000 - process.uptime()
}

/** Where there is no /proc, 0: the figure is Linux's. */
async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd').catch(() => [])).length
}
