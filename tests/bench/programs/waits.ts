import { setTimeout as delay } from 'node:timers/promises'

export type Waits = { readonly count: number; readonly longestMs: number; readonly p99Ms: number }

/**
 * Does something every `everyMs` until `signal` aborts, one at a time. How long it was waited for is told
 * from when it was due: a standstill counts whether it began before or meanwhile.
 */
export async function waitsOf(
  everyMs: number,
  signal: AbortSignal,
  work: () => Promise<unknown>,
): Promise<Waits> {
  const waits: number[] = []
  let due = performance.now() + everyMs
  while (!signal.aborted) {
    await delay(Math.max(0, due - performance.now()))
    await work()
    const now = performance.now()
    waits.push(now - due)
    due = Math.max(due + everyMs, now)
  }
  waits.sort((a, b) => a - b)
  const p99Ms = waits[Math.floor(waits.length * 0.99)] ?? 0
  return { count: waits.length, longestMs: waits.at(-1) ?? 0, p99Ms }
}
