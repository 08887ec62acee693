import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BlockCache } from '../../../src/retrieval/block-cache.ts'

/** What an entry counts for besides its bytes. */
const ENTRY_BYTES = 512

/** The same cache, as slow and plain as can be: the oldest first. */
class Model {
  readonly #max: number
  entries: [string, number][] = []

  constructor(max: number) {
    this.#max = max
  }

  get bytes(): number {
    return this.entries.reduce((sum, [, bytes]) => sum + bytes + ENTRY_BYTES, 0)
  }

  get(key: string): void {
    const entry = this.entries.find(([name]) => name === key)
    if (entry) this.entries = [...this.entries.filter((other) => other !== entry), entry]
  }

  set(key: string, bytes: number): void {
    if (bytes + ENTRY_BYTES > this.#max || this.entries.some(([name]) => name === key)) return
    this.entries.push([key, bytes])
    while (this.bytes > this.#max) this.entries.shift()
  }
}

test('never holds more than its bound, and lets go what was used least lately', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), key, bytes: fc.nat(3000) }),
    fc.record({ do: fc.constant('get' as const), key, bytes: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(9000), (steps, maxBytes) => {
      const cache = new BlockCache(maxBytes)
      const model = new Model(maxBytes)
      for (const { do: what, key: name, bytes } of steps) {
        if (what === 'set') cache.set(name, new Uint8Array(bytes).fill(name.charCodeAt(0)))
        else cache.get(name)
        model[what](name, bytes)
        expect(cache.bytes).toBe(model.bytes)
        expect(cache.bytes).toBeLessThanOrEqual(maxBytes)
      }
      for (const [name, bytes] of model.entries) {
        expect(cache.get(name)).toEqual(new Uint8Array(bytes).fill(name.charCodeAt(0)))
      }
    }),
    { numRuns: 300 },
  )
})

test('a small part of a large memory is held in memory of its own, which is counted', () => {
  const cache = new BlockCache(10_000)
  const message = Buffer.alloc(4_000_000, 7)
  cache.set('block', message.subarray(100, 1100))
  expect(cache.get('block')?.buffer.byteLength).toBe(1000)
  expect(cache.get('block')).toEqual(message.subarray(0, 1000))
})

test('a block is held as it is, without a copy', () => {
  const cache = new BlockCache(10_000)
  const block = Buffer.allocUnsafeSlow(5000)
  cache.set('block', block)
  expect(cache.get('block')).toBe(block)
})

test('of no bytes holds nothing, and is empty when it is cleared', () => {
  const none = new BlockCache(0)
  none.set('a', new Uint8Array(0))
  expect(none.get('a')).toBeUndefined()
  const cache = new BlockCache(2000)
  cache.set('a', new Uint8Array(10))
  cache.clear()
  expect([cache.get('a'), cache.bytes]).toEqual([undefined, 0])
})
