import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { openBlockIndex } from '../../../src/blocks/open-index.ts'
import { limits } from '../../../src/core/limits.ts'
import { KeyBits } from '../../../src/db/key-bits.ts'
import { startDatabaseWorker } from '../../../src/db/worker.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { temporaryFolder } from '../../support/database.ts'

/** Keys of blocks under SHA-256. */
function someKeys(count: number): readonly string[] {
  const digests = randomBytes(32 * count).toString('latin1')
  return Array.from({ length: count }, (_, at) => `\x12\x20${digests.slice(32 * at, 32 * at + 32)}`)
}

test('as many keys as it is made for: each is in it, and of others hardly one seems to be', () => {
  const bits = KeyBits.for(100_000)
  expect(bits.capacity).toBe(131_072)
  const keys = someKeys(bits.capacity)
  for (const key of keys) bits.add(key)
  expect(keys.filter((key) => !bits.has(key))).toEqual([])
  expect(Math.abs(bits.count - keys.length)).toBeLessThan(keys.length / 100)
  const strangers = someKeys(200_000)
  expect(strangers.filter((key) => bits.has(key)).length / strangers.length).toBeLessThan(0.005)
})

test('keys of other hash functions, and those that are short, are found again', () => {
  const bits = KeyBits.for(1_000)
  const keys = ['', 'a', '\x13\x40', '\xff'.repeat(16), `\x13\x40${'\x80\xff'.repeat(32)}`]
  for (const key of keys) {
    bits.add(key)
    bits.add(key)
    expect(bits.has(key)).toBe(true)
  }
  expect(bits.count).toBeLessThanOrEqual(keys.length)
})

test('is no larger than its limit, whatever it is made for', () => {
  const most = KeyBits.for(2 ** 40)
  expect(most.buffer.byteLength).toBe(limits.maxKeyFilterBytes + 4)
  const keys = someKeys(1_000)
  for (const key of keys) most.add(key)
  expect(keys.every((key) => most.has(key))).toBe(true)
  expect(most.isOutgrown).toBe(false)
  const least = KeyBits.for(0)
  for (const key of keys) least.add(key)
  expect(keys.every((key) => least.has(key))).toBe(true)
  expect(least.isOutgrown).toBe(true)
})

/** Adds `keys` to each filter, in step with the test: whoever comes first to one waits for the other. */
const THREAD = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { module, buffers, keys, meet } = workerData
  import(module).then(({ KeyBits }) => {
    parentPort.postMessage('ready')
    buffers.forEach((buffer, round) => {
      const bits = new KeyBits(buffer)
      Atomics.add(meet, 0, 1)
      while (Atomics.load(meet, 0) < 2 * (round + 1));
      for (const key of keys) bits.addBeside(key)
    })
    parentPort.postMessage('done')
  })`

test('two threads that add at the same time lose nothing', async () => {
  const module = new URL('../../../src/db/key-bits.ts', import.meta.url).href
  const [mine, others] = [someKeys(500), someKeys(500)]
  const filters = Array.from({ length: 500 }, () => KeyBits.for(1_000))
  const buffers = filters.map(({ buffer }) => buffer)
  const meet = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { module, buffers, keys: others, meet }
  await using thread = new Worker(THREAD, { eval: true, workerData })
  await once(thread, 'message')
  const done = once(thread, 'message')
  for (const [round, bits] of filters.entries()) {
    Atomics.add(meet, 0, 1)
    while (Atomics.load(meet, 0) < 2 * (round + 1));
    for (const key of mine) bits.addBeside(key)
  }
  await done
  const lost = filters.map((bits) => [...mine, ...others].filter((key) => !bits.has(key)))
  expect(lost.flat()).toEqual([])
})

test('what this thread adds while another fills it from the index is in it, and so is all of the index', async () => {
  await using folder = await temporaryFolder()
  await using worker = startDatabaseWorker()
  const path = `${folder.path}/blocks.db`
  await using db = await openBlockIndex({ path, files: createFilePort(), worker })
  const rows = someKeys(60_000)
  await db.write((writer) => {
    const insert = writer.prepare(
      'INSERT INTO block (multihash, place, size, epoch) VALUES (?, 0, 0, 1)',
    )
    for (const key of rows) insert.run(Buffer.from(key, 'latin1'))
  })
  const bits = KeyBits.for(rows.length)
  const added = someKeys(60_000)
  let isFilled = false
  let slices = 0
  const fill = async () => {
    for (let after: number | undefined = 0; after !== undefined; slices += 1) {
      after = (await db.ask('fillKeys', { keys: bits.buffer, after })).after
    }
    isFilled = true
  }
  const filling = fill()
  let count = 0
  for (; !isFilled; await turn()) {
    const end = Math.min(count + 500, added.length)
    for (; count < end; count += 1) bits.add(added[count] ?? '')
  }
  await filling
  expect(slices).toBeGreaterThan(1)
  expect(count).toBeGreaterThan(1_000)
  expect([...rows, ...added.slice(0, count)].filter((key) => !bits.has(key))).toEqual([])
})
