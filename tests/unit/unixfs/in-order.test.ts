import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inOrder } from '../../../src/unixfs/in-order.ts'
import { all } from './memory-blocks.ts'

test('results come in order, however long each takes, and never more than the window runs', async () => {
  const delays = fc.array(fc.nat(5), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(delays, fc.integer({ min: 1, max: 8 }), async (items, window) => {
      let running = 0
      const work = async (delay: number) => {
        expect(++running).toBeLessThanOrEqual(window)
        await sleep(delay)
        running--
        return delay
      }
      expect(await all(inOrder(items, work, { items: window }))).toEqual(items)
    }),
    { numRuns: 30 },
  )
})

test('nothing is started before it is asked for, and the source is closed when it is left', async () => {
  let pulled = 0
  let closed = false
  function* source() {
    try {
      for (;;) yield pulled++
    } finally {
      closed = true
    }
  }
  const results = inOrder(source(), (item) => Promise.resolve(item), { items: 3 })
  expect(pulled).toBe(0)
  await results.next()
  expect(pulled).toBe(3)
  await results.return()
  expect(closed).toBe(true)
})

test.each(['source', 'work'])(
  'a failure of the %s comes behind the results before it',
  async (culprit) => {
    async function* source() {
      await Promise.resolve()
      yield* [1, 2, 3]
      if (culprit === 'source') throw new Error('here')
      yield 4
    }
    const work = (item: number) =>
      item === 4 ? Promise.reject(new Error('here')) : Promise.resolve(item)
    const seen: number[] = []
    const reading = async () => {
      for await (const item of inOrder(source(), work, { items: 16 })) seen.push(item)
    }
    await expect(reading()).rejects.toThrow('here')
    expect(seen).toEqual([1, 2, 3])
  },
)

test('no further one is started once those ahead take too many bytes, but one in any case', async () => {
  let running = 0
  let most = 0
  const work = async (bytes: number) => {
    running += bytes
    most = Math.max(most, running)
    await sleep(1)
    return bytes
  }
  const items = [3, 3, 3, 50, 3, 3]
  const seen: number[] = []
  const window = { items: 4, bytes: 6, bytesOf: (bytes: number) => bytes }
  for await (const bytes of inOrder(items, work, window)) {
    running -= bytes
    seen.push(bytes)
  }
  expect(seen).toEqual(items)
  expect(most).toBeLessThanOrEqual(56)
  const started: number[] = []
  const note = (bytes: number) => Promise.resolve(started.push(bytes))
  const alone = inOrder(items, note, { items: 4, bytes: 0, bytesOf: () => 1 })
  await alone.next()
  expect(started).toEqual([3])
  await alone.return()
})
