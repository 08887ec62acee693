import { expect, test } from 'vitest'
import { Generations } from '../../../src/blocks/generations.ts'

test('a new epoch is the floor at once where nobody writes', async () => {
  const generations = new Generations(7)
  using _old = generations.enter()
  _old[Symbol.dispose]()
  expect(await generations.begin(60_000)).toBe(8)
  expect(generations.current).toBe(8)
})

test('a lease that is open is waited for; one that opens meanwhile is not', async () => {
  const generations = new Generations(1)
  const older = [generations.enter(), generations.enter()]
  const floor = generations.begin(60_000)
  using later = generations.enter()
  expect(later.epoch).toBe(2)
  for (const lease of older) lease[Symbol.dispose]()
  expect(await floor).toBe(2)
})

test('one that stays open holds the floor down', async () => {
  const generations = new Generations(1)
  using _ = generations.enter()
  expect(await generations.begin(20)).toBe(1)
  expect(await generations.begin(20)).toBe(1)
  expect(generations.current).toBe(3)
})
