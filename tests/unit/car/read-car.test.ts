import { hash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, test } from 'vitest'
import { type CarBlock, openCar } from '../../../src/car/read.ts'
import { RAW } from '../../../src/core/cid.ts'
import { limits } from '../../../src/core/limits.ts'
import { rawCid } from '../../support/block-store.ts'
import { carOf, carV2, section } from '../../support/car.ts'
import { inPieces, noise } from '../../support/content.ts'
import { failureOf } from '../../support/failure.ts'
import { inlineCid } from './blocks.ts'

const entries = [1, 100, 70_000, 2 ** 21, 0].map((size, seed) => {
  const bytes = noise(size, seed + 1)
  return { cid: rawCid(bytes), bytes }
})
const roots = entries.slice(0, 2).map(({ cid }) => cid)
const archive = await carOf(roots, entries)
const small = await carOf(roots, entries.slice(0, 2))

async function read(bytes: Uint8Array, piece = 65_536) {
  const car = await openCar(inPieces(bytes, piece))
  const blocks: CarBlock[] = []
  for await (const block of car.blocks) blocks.push(block)
  return { roots: car.roots, blocks }
}

function fault(bytes: Uint8Array, piece?: number) {
  return failureOf(read(bytes, piece))
}

const cid36 = rawCid(Buffer.from('x')).bytes

describe('a CAR', () => {
  test.each([1, 7, 64, 65_536, 2 ** 22])(
    'in pieces of %i bytes gives its blocks',
    async (piece) => {
      const bytes = piece < 64 ? small : archive
      const expected = piece < 64 ? entries.slice(0, 2) : entries
      const car = await read(bytes, piece)
      expect(car.roots.map(String)).toEqual(roots.map(String))
      expect(car.blocks.map(({ cid }) => cid.toString())).toEqual(
        expected.map(({ cid }) => cid.toString()),
      )
      for (const [index, { bytes: block }] of car.blocks.entries()) {
        expect(Buffer.compare(block, expected[index]?.bytes ?? Buffer.from('none'))).toBe(0)
      }
    },
  )

  test('of version 2 is read to its end, with padding and index', async () => {
    for (const v2 of [{}, { padding: 1000 }, { padding: 13, index: noise(500) }]) {
      const { roots: found, blocks } = await read(carV2(small, v2))
      expect({ roots: found.map(String), blocks: blocks.length }).toEqual({
        roots: roots.map(String),
        blocks: 2,
      })
    }
  })

  test('names each of its roots once, in their order', async () => {
    const [first, second] = roots
    if (first === undefined || second === undefined) throw new Error('there are two')
    const twice = await carOf([second, first, second, first], [])
    expect((await read(twice)).roots.map(String)).toEqual([second, first].map(String))
  })

  test('may have no roots and no blocks', async () => {
    expect(await read(await carOf([], []))).toEqual({ roots: [], blocks: [] })
  })

  test('may have blocks of CIDv0, of SHA-512 and of identity', async () => {
    const pb = Uint8Array.of(10, 2, 8, 1)
    const v0 = CID.createV0(Digest.create(0x12, hash('sha256', pb, 'buffer')))
    const long = CID.createV1(RAW, Digest.create(0x13, hash('sha512', pb, 'buffer')))
    const inline = inlineCid(Buffer.from('carried'))
    const all = [
      { cid: v0, bytes: pb },
      { cid: long, bytes: pb },
      { cid: inline, bytes: Buffer.from('carried') },
    ]
    const { blocks } = await read(await carOf([v0], all))
    expect(blocks.map(({ cid }) => cid.toString())).toEqual(all.map(({ cid }) => cid.toString()))
  })

  test('puts its blocks where it is told', async () => {
    const asked: number[] = []
    const car = await openCar(inPieces(archive, 10_000), (bytes) => {
      asked.push(bytes)
      return new Uint8Array(bytes)
    })
    for await (const block of car.blocks) expect(asked.at(-1)).toBe(block.bytes.byteLength)
    expect(asked).toEqual(entries.map(({ bytes }) => bytes.byteLength))
  })
})

describe('CAR_INVALID with where and why', () => {
  const header = (value: unknown) => {
    const bytes = dagCbor.encode(value)
    return section(bytes.byteLength, bytes)
  }
  const behind = (bytes: Uint8Array) => Buffer.concat([header({ version: 1, roots: [] }), bytes])
  const many = Array.from({ length: limits.maxCarRoots + 1 }, () => entries[0]?.cid)
  const cases: Record<string, readonly [Uint8Array, RegExp]> = {
    nothing: [new Uint8Array(0), /byte 0: it ends before the header/],
    'some text': [Buffer.from('this is no archive at all'), /ends in the middle of the header/],
    'a page of text': [Buffer.alloc(500, 'not a CAR '), /does not begin with the header of a CAR/],
    'version 3': [header({ version: 3, roots: [] }), /neither 1 nor 2/],
    'no roots': [header({ version: 1 }), /names no roots/],
    'roots that are none': [header({ version: 1, roots: ['bafk'] }), /not a CID/],
    'too many roots': [header({ version: 1, roots: many }), /up to 1000 are taken/],
    'a header of a gigabyte': [section(2 ** 30), /it may have 1 MiB/],
    'a length without end': [Buffer.alloc(100, 0xff), /is no number/],
    'a length in more bytes than it needs': [
      behind(Buffer.concat([Uint8Array.of(0xa5, 0x00), cid36, Buffer.from('x')])),
      /byte 18: the length of a block is no number/,
    ],
    'a block of nothing': [behind(Uint8Array.of(0)), /byte 18: a block has no bytes/],
    'a block of 1 GiB': [behind(section(2 ** 30, noise(100))), /says it has 1073741824 bytes/],
    'a block of 2 MiB and one': [
      behind(section(cid36.byteLength + 2 ** 21 + 1, cid36, new Uint8Array(2 ** 21 + 1))),
      /has 2097153 bytes/,
    ],
    'a block that is no CID': [behind(section(40, Buffer.alloc(40, 0x99))), /begin with a CID/],
    'a CID cut short': [behind(section(20, cid36.subarray(0, 20))), /begin with a CID/],
    'a wrong hash': [behind(section(39, cid36, Buffer.from('abc'))), /hash to something else/],
    'a CARv2 in itself': [carV2(carV2(small)), /no CARv1 in it/],
    'a CARv2 whose data begins in its header': [carV2(small, { dataOffset: 20n }), /is at 20/],
    'a CARv2 whose data is far away': [carV2(small, { dataOffset: 2n ** 40n }), /before its data/],
    'a CARv2 of 2^64 bytes': [carV2(small, { dataSize: 2n ** 64n - 1n }), /says its data is/],
    'a CARv2 whose data is less than its header': [
      carV2(small, { dataSize: 3n }),
      /no CARv1 in it/,
    ],
    'a CARv2 of no data': [carV2(small, { dataSize: 0n }), /no CARv1 in it/],
    'a CARv2 whose data ends in a block': [carV2(small, { dataSize: 110n }), /beyond the end/],
    'a CARv2 that is cut': [carV2(small, { dataSize: 4000n }), /ends before a block/],
    'a CARv2 that goes on': [carV2(small, { index: new Uint8Array(2 ** 21) }), /too long/],
  }
  test.each(Object.entries(cases))('%s', async (_name, [bytes, message]) => {
    for (const piece of [64, 4096]) {
      const error = await fault(bytes, piece)
      expect(error).toMatchObject({ code: 'CAR_INVALID', hint: expect.any(String) })
      expect(error.message).toMatch(message)
      expect(error.details).toEqual({ offset: expect.any(Number) })
    }
  })

  test('cut anywhere but between two blocks', async () => {
    const whole = new Set<number>()
    for (let end = 0; end < small.byteLength; end++) {
      const outcome = await read(small.subarray(0, end)).then(
        ({ blocks }) => blocks.length,
        (error: unknown) => error,
      )
      if (typeof outcome === 'number') whole.add(outcome)
      else expect(outcome).toMatchObject({ code: 'CAR_INVALID' })
    }
    expect([...whole]).toEqual([0, 1])
  })

  test('a hash function nobody here can compute is UNSUPPORTED_CODEC', async () => {
    const blake = CID.createV1(RAW, Digest.create(0xb220, new Uint8Array(32)))
    const bytes = await carOf([], [{ cid: blake, bytes: Buffer.from('x') }])
    expect((await fault(bytes)).code).toBe('UNSUPPORTED_CODEC')
  })
})

test('an archive without end keeps one block in memory, and its source is closed', async () => {
  let closed = false
  let given = 0
  async function* endless() {
    try {
      yield await carOf([], [])
      const bytes = noise(2 ** 20)
      const cid = rawCid(bytes)
      const block = section(cid.bytes.byteLength + bytes.byteLength, cid.bytes, bytes)
      for (;;) {
        given += 1
        yield block
      }
    } finally {
      closed = true
    }
  }
  const car = await openCar(endless())
  let blocks = 0
  for await (const block of car.blocks) {
    blocks += block.bytes.byteLength > 0 ? 1 : 0
    if (blocks === 50) break
  }
  expect(given).toBeLessThanOrEqual(51)
  expect(closed).toBe(true)
})
