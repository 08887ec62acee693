import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PrsmError } from '../../../src/core/errors.ts'
import { type Place, Scheduler } from '../../../src/node/scheduler.ts'
import { codeOf, failureOf } from '../../support/failure.ts'

const STALL_MS = 2000

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  // Whatever happened, no timer stays when nobody waits.
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function open(concurrency: number): Scheduler {
  return new Scheduler({ concurrency, stallMs: STALL_MS })
}

/** A place that was free. */
function taken(scheduler: Scheduler): Place {
  const place = scheduler.enter()
  if (place instanceof Promise) throw new Error('no place is free')
  return place
}

/** Joins the line under a name, which is noted when its turn has come. */
function joins(scheduler: Scheduler, name: string, entered: string[]): Promise<Place> {
  return Promise.resolve(scheduler.enter()).then((place) => {
    entered.push(name)
    return place
  })
}

describe('the line', () => {
  it('begins when all places are taken, and is served in its order', async () => {
    const scheduler = open(2)
    const first = taken(scheduler)
    const second = taken(scheduler)
    const entered: string[] = []
    const [a, b, c] = ['a', 'b', 'c'].map((name) => joins(scheduler, name, entered))
    expect([scheduler.running, scheduler.waiting]).toEqual([2, 3])
    second.leave()
    await a
    expect(entered).toEqual(['a'])
    first.leave()
    await b
    expect(entered).toEqual(['a', 'b'])
    const left = await a
    left?.leave()
    await c
    expect([scheduler.running, scheduler.waiting]).toEqual([2, 0])
  })

  it('is overtaken by nobody', async () => {
    const scheduler = open(1)
    const first = taken(scheduler)
    const entered: string[] = []
    const a = joins(scheduler, 'a', entered)
    first.leave()
    const b = joins(scheduler, 'b', entered)
    ;(await a).leave()
    ;(await b).leave()
    expect(entered).toEqual(['a', 'b'])
    taken(scheduler).leave()
  })

  it('can be dismissed, and begins anew', async () => {
    const scheduler = open(1)
    const first = taken(scheduler)
    const error = new PrsmError('NODE_CLOSED', 'closed')
    const controller = new AbortController()
    const waiting = [scheduler.enter(), scheduler.enter(controller.signal)]
    const failures = waiting.map((one) => failureOf(Promise.resolve(one)))
    scheduler.dismiss(error)
    controller.abort()
    expect(await Promise.all(failures)).toEqual([error, error])
    const next = scheduler.enter()
    first.leave()
    ;(await next).leave()
  })

  it('of a thousand is served in its order', async () => {
    const scheduler = open(7)
    const entered: string[] = []
    const names = Array.from({ length: 1000 }, (_, at) => `${at}`)
    await Promise.all(
      names.map(async (name) => {
        using _ = await joins(scheduler, name, entered)
        expect(scheduler.running).toBeLessThanOrEqual(7)
      }),
    )
    expect(entered).toEqual(names)
    expect([scheduler.running, scheduler.waiting]).toEqual([0, 0])
  })
})

describe('a signal', () => {
  it('leaves the line at once, and the one behind moves up', async () => {
    const scheduler = open(1)
    const first = taken(scheduler)
    const reason = new Error('enough')
    const controller = new AbortController()
    const a = failureOf(Promise.resolve(scheduler.enter(controller.signal)))
    const b = scheduler.enter(new AbortController().signal)
    controller.abort(reason)
    expect(scheduler.waiting).toBe(1)
    expect(await a).toMatchObject({ code: 'CANCELLED', cause: reason })
    first.leave()
    ;(await b).leave()
  })

  it('that comes in the moment of its turn loses no place', async () => {
    const scheduler = open(1)
    const first = taken(scheduler)
    const controller = new AbortController()
    const a = scheduler.enter(controller.signal)
    first.leave()
    controller.abort()
    ;(await a).leave()
    expect(scheduler.running).toBe(0)
    taken(scheduler).leave()
  })

  it('that was aborted before is told in its own words', async () => {
    const scheduler = open(1)
    using _ = taken(scheduler)
    const aborted = scheduler.enter(AbortSignal.abort())
    expect(await codeOf(Promise.resolve(aborted))).toBe('CANCELLED')
    const ours = new PrsmError('NODE_CLOSED', 'closed')
    const closed = scheduler.enter(AbortSignal.abort(ours))
    expect(await failureOf(Promise.resolve(closed))).toBe(ours)
    expect(scheduler.waiting).toBe(0)
  })
})

describe('a place', () => {
  it('is given back once', async () => {
    const scheduler = open(1)
    const first = taken(scheduler)
    first.leave()
    first.leave()
    first.moved()
    using _ = taken(scheduler)
    const waiting = scheduler.enter()
    expect(scheduler.waiting).toBe(1)
    _.leave()
    ;(await waiting).leave()
  })

  it('that stands still gives way to the first in line, and to nobody else', async () => {
    const scheduler = open(1)
    using _still = taken(scheduler)
    const entered: string[] = []
    const a = joins(scheduler, 'a', entered)
    const b = joins(scheduler, 'b', entered)
    await vi.advanceTimersByTimeAsync(STALL_MS)
    expect(entered).toEqual([])
    await vi.advanceTimersByTimeAsync(STALL_MS / 4)
    expect(entered).toEqual(['a'])
    const place = await a
    place.moved()
    await vi.advanceTimersByTimeAsync(STALL_MS)
    expect(entered).toEqual(['a'])
    place.leave()
    ;(await b).leave()
    expect(scheduler.running).toBe(1)
  })

  it('that moves now and then keeps its turn', async () => {
    const scheduler = open(1)
    const slow = taken(scheduler)
    const entered: string[] = []
    const a = joins(scheduler, 'a', entered)
    for (let times = 0; times < 20; times += 1) {
      await vi.advanceTimersByTimeAsync(STALL_MS - 1)
      slow.moved()
    }
    expect(entered).toEqual([])
    slow.leave()
    ;(await a).leave()
  })

  it('that moves again counts again: nobody enters until there are fewer', async () => {
    const scheduler = open(1)
    const first = taken(scheduler)
    const entered: string[] = []
    const a = joins(scheduler, 'a', entered)
    await vi.advanceTimersByTimeAsync(2 * STALL_MS)
    const b = joins(scheduler, 'b', entered)
    first.moved()
    expect([scheduler.running, scheduler.waiting]).toEqual([2, 1])
    ;(await a).leave()
    await vi.advanceTimersByTimeAsync(STALL_MS / 2)
    expect(entered).toEqual(['a'])
    first.leave()
    ;(await b).leave()
    taken(scheduler).leave()
  })

  it('that stood still and is given back leaves the number as it was', async () => {
    const scheduler = open(1)
    const first = taken(scheduler)
    const a = scheduler.enter()
    await vi.advanceTimersByTimeAsync(2 * STALL_MS)
    first.leave()
    const b = scheduler.enter()
    expect([scheduler.running, scheduler.waiting]).toEqual([1, 1])
    ;(await a).leave()
    ;(await b).leave()
  })

  it('is looked at by nobody while nobody waits', async () => {
    const scheduler = open(1)
    using place = taken(scheduler)
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(10 * STALL_MS)
    const controller = new AbortController()
    const a = codeOf(Promise.resolve(scheduler.enter(controller.signal)))
    expect(vi.getTimerCount()).toBe(1)
    place.moved()
    controller.abort()
    expect(await a).toBe('CANCELLED')
    expect(vi.getTimerCount()).toBe(0)
  })
})
