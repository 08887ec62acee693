import { setTimeout as sleep } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { PrsmError } from '../../../src/core/errors.ts'
import { limits } from '../../../src/core/limits.ts'
import { importFile } from '../../../src/unixfs/import.ts'
import { CHUNK_BYTES } from '../../../src/unixfs/profile.ts'
import { readFile } from '../../../src/unixfs/read.ts'
import { noise } from './deterministic.ts'
import { putFile, putRaw } from './hand-made.ts'
import { collect, failure, MemoryBlocks, pieces, SilentBlocks } from './memory-blocks.ts'
import { refuseUnhandledRejections } from './unhandled.ts'

refuseUnhandledRejections()

const content = noise(40 * CHUNK_BYTES, 'read-file')

describe('back-pressure', () => {
  /** Blocks asked for whose answer the reader may already hold. */
  async function askedAfterOneChunk(readAheadBytes: number): Promise<number> {
    const blocks = new MemoryBlocks()
    const { cid } = await importFile(blocks, pieces(content))
    blocks.gets.length = 0
    const chunks = readFile(blocks, cid, { readAheadBytes })
    await chunks.next()
    await sleep(30)
    const asked = blocks.gets.length - 1
    await chunks.return()
    return asked
  }

  test.each([0, 1, 4, 8])('%i MiB ahead and the one that is taken', async (ahead) => {
    expect(await askedAfterOneChunk(ahead * CHUNK_BYTES)).toBe(Math.max(1, ahead) + 1)
  })

  test('fetches on through the next branch of a file while one is read', async () => {
    const blocks = new MemoryBlocks()
    const leaves = Array.from({ length: 9 }, (_, index) =>
      content.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
    )
    const cids = await Promise.all(leaves.map((leaf) => putRaw(blocks, leaf)))
    const children = cids.map((cid) => ({ cid, bytes: CHUNK_BYTES }))
    const branches = await Promise.all(
      [0, 3, 6].map(async (at) => ({
        cid: await putFile(blocks, children.slice(at, at + 3)),
        bytes: 3 * CHUNK_BYTES,
      })),
    )
    const cid = await putFile(blocks, branches)
    const chunks = readFile(blocks, cid, { readAheadBytes: 4 * CHUNK_BYTES })
    expect((await chunks.next()).value).toBe(leaves[0])
    await sleep(30)
    const asked = cids.filter((leaf) => blocks.gets.includes(leaf.toString()))
    expect(asked).toEqual(cids.slice(0, 5))
    await chunks.return()
    expect(
      (await collect(readFile(blocks, cid))).equals(content.subarray(0, 9 * CHUNK_BYTES)),
    ).toBe(true)
  })

  test('nothing before the first byte is asked for', async () => {
    const blocks = new MemoryBlocks()
    const cid = await putRaw(blocks, Buffer.from('x'))
    const chunks = readFile(blocks, cid)
    await sleep(5)
    expect(blocks.gets).toEqual([])
    await chunks.return()
    expect((await chunks.next()).done).toBe(true)
    expect(blocks.gets).toEqual([])
  })

  test('children that say they are tiny are not all fetched at once', async () => {
    const blocks = new SilentBlocks()
    const leaf = await putRaw(blocks, Buffer.from('x'))
    const cid = await putFile(
      blocks,
      Array.from({ length: 5000 }, () => ({ cid: leaf, bytes: 1 })),
    )
    blocks.answered.add(cid.toString())
    const chunks = readFile(blocks, cid)
    const first = chunks.next()
    await sleep(20)
    expect(blocks.gets.length - 1).toBeLessThanOrEqual(limits.readAheadBlocks + 1)
    await chunks.return()
    await first
  })
})

describe('stops', () => {
  async function silentFile() {
    const blocks = new SilentBlocks()
    const { cid } = await importFile(blocks, pieces(content.subarray(0, 12 * CHUNK_BYTES)))
    blocks.answered.add(cid.toString())
    return { blocks, cid }
  }

  test('at once when the consumer returns while blocks are on their way', async () => {
    const { blocks, cid } = await silentFile()
    const chunks = readFile(blocks, cid)
    const pending = chunks.next()
    await sleep(20)
    expect(blocks.gets.length).toBe(10)
    await chunks.return()
    expect(await pending).toEqual({ done: true, value: undefined })
    expect(blocks.aborted.length).toBe(9)
  })

  test('within one block when the consumer leaves its loop', async () => {
    const blocks = new MemoryBlocks()
    const { cid } = await importFile(blocks, pieces(content))
    blocks.gets.length = 0
    for await (const _ of readFile(blocks, cid, { readAheadBytes: CHUNK_BYTES })) break
    await sleep(20)
    expect(blocks.gets.length).toBeLessThanOrEqual(4)
  })

  test('when the consumer throws into it', async () => {
    const { blocks, cid } = await silentFile()
    const chunks = readFile(blocks, cid)
    const pending = chunks.next()
    await sleep(10)
    const thrown = new Error('mine')
    await expect(chunks.throw(thrown)).rejects.toBe(thrown)
    await pending
    expect(blocks.aborted.length).toBe(9)
  })

  test('with CANCELLED when its signal aborts', async () => {
    const { blocks, cid } = await silentFile()
    const abort = new AbortController()
    const reading = failure(collect(readFile(blocks, cid, { signal: abort.signal })))
    await sleep(10)
    abort.abort()
    expect((await reading).code).toBe('CANCELLED')
    expect(blocks.aborted.length).toBe(9)
  })

  test('before it begins when its signal is aborted already, with the error it was aborted with', async () => {
    const { blocks, cid } = await silentFile()
    const signal = AbortSignal.abort(new PrsmError('NODE_CLOSED', 'closed'))
    blocks.gets.length = 0
    expect((await failure(collect(readFile(blocks, cid, { signal })))).code).toBe('NODE_CLOSED')
    expect(blocks.gets).toEqual([])
  })

  test('between two chunks, also when the source ignores the signal', async () => {
    const blocks = new MemoryBlocks()
    const { cid } = await importFile(blocks, pieces(content))
    const deaf = {
      get: (wanted: CID) => blocks.get(wanted),
      getPart: (wanted: CID, part: { offset: number; length: number }) =>
        blocks.getPart(wanted, part),
      size: (wanted: CID) => blocks.size(wanted),
    }
    const abort = new AbortController()
    let chunks = 0
    const reading = async () => {
      for await (const _ of readFile(deaf, cid, { signal: abort.signal })) {
        chunks++
        abort.abort()
      }
    }
    expect((await failure(reading())).code).toBe('CANCELLED')
    expect(chunks).toBe(1)
  })

  test('at its end, leaving no listener on the signal', async () => {
    const blocks = new MemoryBlocks()
    const cid = await putRaw(blocks, Buffer.from('x'))
    const { signal } = new AbortController()
    let listening = 0
    const counted = new Proxy(signal, {
      get(target, property) {
        if (property === 'addEventListener') listening++
        if (property === 'removeEventListener') listening--
        const value: unknown = Reflect.get(target, property)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    await collect(readFile(blocks, cid, { signal: counted }))
    expect(listening).toBe(0)
  })
})
