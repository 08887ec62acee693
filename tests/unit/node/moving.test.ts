import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { movingBlocks, movingBytes } from '../../../src/node/moving.ts'
import { type Place, Scheduler } from '../../../src/node/scheduler.ts'

const STALL_MS = 2000

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** Whether somebody in line gets in while `tell` is called every 250 ms with the place of another. */
async function lets(tell: (place: Place) => () => void): Promise<boolean> {
  const scheduler = new Scheduler({ concurrency: 1, stallMs: STALL_MS })
  using place = await scheduler.enter()
  const telling = setInterval(tell(place), 250)
  const controller = new AbortController()
  const entered = Promise.resolve(scheduler.enter(controller.signal)).then(
    () => true,
    () => false,
  )
  await vi.advanceTimersByTimeAsync(3 * STALL_MS)
  clearInterval(telling)
  controller.abort()
  return entered
}

it('a pin moves when blocks are found or come, not when it is told that none does', async () => {
  const still = { blocks: 7, fetchedBlocks: 3, fetchedBytes: 900, elapsedMs: 1 }
  const told = vi.fn()
  const tell = (what: 'blocks' | 'fetchedBlocks' | undefined) => (place: Place) => {
    const listener = movingBlocks(place, told)
    const progress = { ...still }
    return () => {
      if (what !== undefined) progress[what] += 1
      listener(progress)
    }
  }
  expect(await lets(tell(undefined))).toBe(true)
  expect(told).toHaveBeenCalledWith(still)
  expect(await lets(tell('blocks'))).toBe(false)
  expect(await lets(tell('fetchedBlocks'))).toBe(false)
})

it('bytes that are told have moved, with a listener and without', async () => {
  const told = vi.fn()
  const progress = { bytesDone: 1, elapsedMs: 1 }
  for (const listener of [undefined, told]) {
    expect(await lets((place) => () => movingBytes(place, listener)(progress))).toBe(false)
  }
  expect(told).toHaveBeenCalledWith(progress)
})
