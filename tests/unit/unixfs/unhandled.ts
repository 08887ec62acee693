import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect } from 'vitest'

/** Fails the file when a promise was rejected in it that nobody waited for. */
export function refuseUnhandledRejections(): void {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => {
    unhandled.push(reason)
  }
  process.on('unhandledRejection', note)
  afterAll(async () => {
    await sleep(20)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })
}
