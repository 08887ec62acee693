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
      expect(await all(inOrder(items, work, window))).toEqual(items)
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
  const results = inOrder(source(), (item) => Promise.resolve(item), 3)
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
      for await (const item of inOrder(source(), work, 16)) seen.push(item)
    }
    await expect(reading()).rejects.toThrow('here')
    expect(seen).toEqual([1, 2, 3])
  },
)
