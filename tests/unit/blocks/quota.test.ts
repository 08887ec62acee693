import { expect, test } from 'vitest'
import { Quota } from '../../../src/blocks/quota.ts'
import { codeOf } from '../../support/database.ts'

const MIB = 1024 ** 2
const STEP = 16 * MIB

/** A store of `max` bytes whose use the test sets. */
function room(max: number, { free = Number.POSITIVE_INFINITY, keepFree = 0 } = {}) {
  const disk = { used: 0, free }
  const quota = new Quota({
    maxBytes: max,
    keepFreeBytes: keepFree,
    used: () => disk.used,
    free: async () => disk.free,
  })
  return { quota, disk }
}

test('room is taken in steps, and what is stored counts once', async () => {
  const { quota, disk } = room(100 * MIB)
  const writer = quota.open()
  await writer.take(MIB)
  expect(quota.reservedBytes).toBe(STEP)
  expect(writer.take(MIB)).toBeUndefined()
  disk.used += 2 * MIB
  writer.give(2 * MIB)
  expect(quota.reservedBytes).toBe(STEP - 2 * MIB)
  writer[Symbol.dispose]()
  expect(quota.reservedBytes).toBe(0)
})

test('many small takes at once get one step between them, not one each', async () => {
  const { quota } = room(100 * MIB, { free: 1000 * MIB, keepFree: MIB })
  const writer = quota.open()
  await Promise.all(Array.from({ length: 2000 }, () => writer.take(64)))
  expect(quota.reservedBytes).toBe(STEP)
  await Promise.all(Array.from({ length: 40 }, () => writer.take(MIB)))
  expect(quota.reservedBytes).toBeGreaterThanOrEqual(40 * MIB + 2000 * 64)
  expect(quota.reservedBytes).toBeLessThanOrEqual(40 * MIB + 2000 * 64 + STEP)
})

test('where a step does not fit, what is needed may', async () => {
  const { quota } = room(10 * MIB)
  const writer = quota.open()
  await writer.take(9 * MIB)
  expect(await codeOf(Promise.resolve(writer.take(2 * MIB)))).toBe('STORAGE_FULL')
  // The writer may go on with what fits.
  await writer.take(MIB)
})

test('what is declared is taken at once, or refused at once', async () => {
  const { quota } = room(100 * MIB)
  const first = quota.open()
  await first.declare(60 * MIB)
  const second = quota.open()
  expect(await codeOf(second.declare(60 * MIB))).toBe('STORAGE_FULL')
  second[Symbol.dispose]()
  expect(first.take(60 * MIB)).toBeUndefined()
})

test('the youngest that did not say what it brings gives way, never an older one', async () => {
  const { quota } = room(3 * STEP)
  const [oldest, middle, youngest] = [quota.open(), quota.open(), quota.open()]
  for (const writer of [oldest, middle, youngest]) await writer.take(STEP)
  const heard: string[] = []
  youngest.onRefusal = ({ code }) => {
    heard.push(code)
    youngest.give(STEP)
    youngest[Symbol.dispose]()
  }
  middle.onRefusal = () => heard.push('middle')
  await oldest.take(MIB)
  expect(heard).toEqual(['STORAGE_FULL'])
  expect(() => youngest.take(1)).toThrow('may take')
  // The youngest that is left asks for itself.
  expect(await codeOf(Promise.resolve(middle.take(STEP)))).toBe('STORAGE_FULL')
})

test('one that declared is not asked to give way', async () => {
  const { quota } = room(2 * STEP + MIB)
  const old = quota.open()
  await old.take(STEP)
  const declared = quota.open()
  await declared.declare(STEP - MIB)
  const refused: unknown[] = []
  declared.onRefusal = (error) => refused.push(error)
  expect(await codeOf(Promise.resolve(old.take(STEP)))).toBe('STORAGE_FULL')
  expect(refused).toEqual([])
})

test('64 writers at once never get more than there is', async () => {
  const max = 200 * MIB
  const { quota, disk } = room(max)
  let most = 0
  const write = async (): Promise<boolean> => {
    using writer = quota.open()
    try {
      for (let at = 0; at < 30; at += 1) {
        await writer.take(MIB)
        await new Promise((resolve) => setImmediate(resolve))
        disk.used += MIB
        writer.give(MIB)
        most = Math.max(most, disk.used + quota.reservedBytes)
      }
      return true
    } catch {
      return false
    }
  }
  const done = await Promise.all(Array.from({ length: 64 }, write))
  expect(most).toBeLessThanOrEqual(max)
  expect(disk.used).toBeGreaterThan(max / 2)
  expect(done).toContain(false)
  expect(quota.reservedBytes).toBe(0)
})

test('what is to stay free on the disk stays free', async () => {
  const { quota, disk } = room(Number.POSITIVE_INFINITY, { free: 2 * STEP, keepFree: STEP })
  const writer = quota.open()
  await writer.take(STEP)
  expect(await codeOf(Promise.resolve(writer.take(1)))).toBe('STORAGE_FULL')
  disk.free = 5 * STEP
  await new Promise((resolve) => setTimeout(resolve, 300))
  await writer.take(1)
})
