import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { Frames } from '../../../src/network/frames.ts'
import { framed } from '../../../src/network/wire.ts'

/** Frames whose messages begin at once, or when `enterAll` is called. */
function reader({ waits = false } = {}) {
  const whole: Buffer[] = []
  const begun: number[] = []
  const frames: Frames = new Frames({
    begin: (bytes) => {
      begun.push(bytes)
      if (!waits) frames.enter()
    },
    moved: () => {},
    end: (message) => whole.push(Buffer.from(message)),
  })
  const enterAll = (): void => {
    while (frames.isWaiting) frames.enter()
  }
  return { frames, whole, begun, enterAll }
}

const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 200 })
const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })

/** `bytes` in pieces of these lengths, over and over. */
function* pieces(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.byteLength; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1
    yield bytes.subarray(at, at + length)
    at += length
  }
}

test('messages come out as they went in, however they are cut, whether they wait or not', () => {
  fc.assert(
    fc.property(messages, cuts, fc.boolean(), (list, lengths, waits) => {
      const { frames, whole, enterAll } = reader({ waits })
      for (const piece of pieces(Buffer.concat(list.map(framed)), lengths)) frames.take(piece)
      enterAll()
      expect(whole).toEqual(
        list.filter(({ byteLength }) => byteLength > 0).map((one) => Buffer.from(one)),
      )
      expect(frames.isWaiting).toBe(false)
    }),
  )
})

test('nothing is taken of a message that has not entered', () => {
  const { frames, whole, begun } = reader({ waits: true })
  frames.take(Buffer.concat([framed(Uint8Array.of(1, 2)), framed(Uint8Array.of(3))]))
  expect(begun).toEqual([2])
  expect(whole).toEqual([])
  frames.enter()
  expect(whole).toEqual([Buffer.of(1, 2)])
  expect(begun).toEqual([2, 1])
})

test('after it is closed nothing comes', () => {
  const { frames, whole, begun } = reader({ waits: true })
  frames.take(framed(Uint8Array.of(1, 2)))
  frames.close()
  frames.enter()
  frames.take(framed(Uint8Array.of(3)))
  expect([whole, begun]).toEqual([[], [2]])
})

test('a length above the limit is a RangeError', () => {
  const tooLong = Buffer.from([...framed(new Uint8Array(0)), 0xff, 0xff, 0xff, 0xff, 0x7f])
  expect(() => reader().frames.take(tooLong)).toThrow(RangeError)
  const zeros = new Uint8Array(20).fill(0x80)
  expect(() => reader().frames.take(zeros)).toThrow(RangeError)
  expect(limits.maxMessageBytes).toBeLessThan(2 ** 28)
})
