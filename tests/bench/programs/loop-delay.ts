import { monitorEventLoopDelay } from 'node:perf_hooks'

export type LoopDelay = { readonly p99Ms: number; readonly longestMs: number }

/** Coarse, so that few long delays are not lost among thousands of short ones. */
const RESOLUTION_MS = 5

/** Runs `work` and gives how late this process's timers were meanwhile. */
export async function loopDelayDuring<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly delay: LoopDelay }> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  try {
    const result = await work()
    return {
      result,
      delay: { p99Ms: late(histogram.percentile(99)), longestMs: late(histogram.max) },
    }
  } finally {
    histogram.disable()
  }
}

/** What it records is the time from one look to the next. */
function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
}
