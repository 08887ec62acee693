import { expect, test } from 'vitest'
import { PrsmError } from '../../../src/core/errors.ts'
import { limits } from '../../../src/core/limits.ts'
import { Missed } from '../../../src/retrieval/missed.ts'

const error = new PrsmError('CONTENT_NOT_FOUND', 'nobody has it')

test('a miss is remembered for its time, and one that comes again for another', () => {
  let now = 0
  const missed = new Missed(() => now)
  missed.add('a', error)
  now = limits.missedMs - 1
  expect(missed.find('a')).toBe(error)
  missed.add('a', error)
  now += limits.missedMs - 1
  expect(missed.find('a')).toBe(error)
  now += 1
  expect(missed.find('a')).toBeUndefined()
  expect(missed.size).toBe(0)
})

test('misses are bounded, the oldest are forgotten', () => {
  const missed = new Missed(() => 0)
  for (let index = 0; index <= limits.maxMissed; index++) missed.add(`${index}`, error)
  expect(missed.size).toBe(limits.maxMissed)
  expect(missed.find('0')).toBeUndefined()
  expect(missed.find(`${limits.maxMissed}`)).toBe(error)
})

test('what is over goes when something comes, so that nothing piles up', () => {
  let now = 0
  const missed = new Missed(() => now)
  for (let index = 0; index < 100; index++) missed.add(`${index}`, error)
  now = limits.missedMs
  missed.add('new', error)
  expect(missed.size).toBe(1)
})

test('all is forgotten at once, and that can be seen', () => {
  const missed = new Missed(() => 0)
  missed.add('a', error)
  const { generation } = missed
  missed.clear()
  expect(missed.find('a')).toBeUndefined()
  expect(missed.generation).not.toBe(generation)
})
