import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPrsmError } from '../../src/core/errors.ts'
import { limits } from '../../src/core/limits.ts'
import { type ByteRange, parseRanges } from '../../src/gateway/ranges.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { startTestGateway, storeBlock, storeFile, type TestGateway } from './support/gateway.ts'

let gateway: TestGateway
const bytes = noise(3 * MIB + 11)
let path: string
let cid: string

beforeAll(async () => {
  gateway = await startTestGateway()
  cid = `${await storeFile(gateway, bytes)}`
  path = `/ipfs/${cid}`
})
afterAll(() => gateway[Symbol.asyncDispose]())

const ask = (range: string, more: Record<string, string> = {}, method = 'GET') =>
  gateway.ask(path, { method, headers: { range, ...more } })

describe('one range', () => {
  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=5-70000', 5, 70_001],
    [`bytes=${MIB - 10}-${MIB + 9}`, MIB - 10, MIB + 10],
    ['bytes=3000000-', 3_000_000, bytes.length],
    ['bytes=-11', bytes.length - 11, bytes.length],
    ['bytes=-99999999999999999999', 0, bytes.length],
    ['bytes=0-99999999999999999999', 0, bytes.length],
    ['BYTES= 7-9 , ', 7, 10],
    ['bytes=1-1,99999999-', 1, 2],
  ])('%s', async (range, start, end) => {
    const answer = await ask(range)
    expect(answer.status).toBe(206)
    expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${bytes.length}`)
    expect(answer.headers.get('content-length')).toBe(`${end - start}`)
    expect(answer.headers.get('etag')).toBe(`"${cid}"`)
    expect(sameBytes(await answer.bytes(), bytes.subarray(start, end))).toBe(true)
  })

  test.each(['bytes=3145739-', 'bytes=9999999-99999999', 'bytes=-0'])(
    'outside is refused with the size: %s',
    async (range) => {
      const answer = await ask(range)
      expect(answer.status).toBe(416)
      expect(answer.headers.get('content-range')).toBe(`bytes */${bytes.length}`)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      await answer.text()
    },
  )

  test.each(['bytes=', 'bytes=-', 'bytes=9-5', 'bytes=a-b', 'lines=1-2', 'bytes=1-2-3', 'bytes=,'])(
    'malformed is passed over: %s',
    async (range) => {
      const answer = await ask(range, {}, 'GET')
      expect(answer.status).toBe(200)
      expect((await answer.bytes()).length).toBe(bytes.length)
    },
  )

  test('stands with If-Range of the same tag alone', async () => {
    const status = async (tag: string) => {
      const answer = await ask('bytes=0-0', { 'if-range': tag })
      await answer.bytes()
      return answer.status
    }
    expect(await status(`"${cid}"`)).toBe(206)
    expect(await status('"other"')).toBe(200)
    expect(await status(`W/"${cid}"`)).toBe(200)
    expect(await status('Mon, 23 Nov 2026 00:00:00 GMT')).toBe(200)
  })

  test('does not stand with HEAD', async () => {
    const answer = await ask('bytes=0-0', {}, 'HEAD')
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, `${bytes.length}`])
  })

  test('of a raw block reads that part', async () => {
    const raw = await storeBlock(gateway, noise(MIB, 9))
    const answer = await gateway.ask(`/ipfs/${raw}`, { headers: { range: 'bytes=500000-500009' } })
    expect(sameBytes(await answer.bytes(), noise(MIB, 9).subarray(500_000, 500_010))).toBe(true)
  })

  test('of an empty file', async () => {
    const empty = `/ipfs/${await storeFile(gateway, '')}`
    const of = (range: string) => gateway.ask(empty, { headers: { range } })
    expect((await of('bytes=-5')).status).toBe(200)
    expect((await of('bytes=0-')).status).toBe(416)
  })
})

type Part = { readonly range: string | null; readonly body: Buffer }

/** The parts of a multipart/byteranges body, by its own rules. */
async function partsOf(answer: Response): Promise<Part[]> {
  const type = answer.headers.get('content-type') ?? ''
  const boundary = /^multipart\/byteranges; boundary=([\w-]+)$/.exec(type)?.[1]
  if (boundary === undefined) throw new Error(`not multipart: ${type}`)
  const body = Buffer.from(await answer.bytes())
  expect(answer.headers.get('content-length')).toBe(`${body.length}`)
  expect(body.toString('latin1').endsWith(`\r\n--${boundary}--\r\n`)).toBe(true)
  const pieces = body.toString('latin1').split(`\r\n--${boundary}`)
  return pieces.slice(1, -1).map((piece) => {
    const at = piece.indexOf('\r\n\r\n')
    const range = /\r\nContent-Range: bytes (\S+)/.exec(piece.slice(0, at))?.[1] ?? null
    return { range, body: Buffer.from(piece.slice(at + 4), 'latin1') }
  })
}

describe('several ranges', () => {
  test('come in one body, in the order they were asked for', async () => {
    const answer = await ask('bytes=1048570-1048590, 0-4,-3')
    expect(answer.status).toBe(206)
    const parts = await partsOf(answer)
    const size = bytes.length
    const spans = [
      [1_048_570, 1_048_591],
      [0, 5],
      [size - 3, size],
    ] as const
    expect(parts.map(({ range }) => range)).toEqual(
      spans.map(([start, end]) => `${start}-${end - 1}/${size}`),
    )
    for (const [at, [start, end]] of spans.entries()) {
      expect(sameBytes(parts[at]?.body ?? Buffer.of(), bytes.subarray(start, end))).toBe(true)
    }
  })

  test('that overlap are joined, so that no byte is sent twice', async () => {
    const flood = Array.from({ length: limits.maxRanges }, (_, at) => `${at}-`).join(',')
    const answer = await ask(`bytes=${flood}`)
    expect(answer.headers.get('content-range')).toBe(`bytes 0-${bytes.length - 1}/${bytes.length}`)
    expect((await answer.bytes()).length).toBe(bytes.length)
    const joined = await partsOf(await ask('bytes=100-200,0-10,150-300'))
    expect(joined.map(({ body }) => body.length)).toEqual([11, 201])
  })

  test('are bounded in number', async () => {
    const many = Array.from({ length: limits.maxRanges + 1 }, (_, at) => `${at * 2}-${at * 2}`)
    const answer = await ask(`bytes=${many.join(',')}`)
    expect(answer.status).toBe(416)
    expect(await answer.text()).toContain(`${limits.maxRanges}`)
  })
})

test('any Range is ignored, refused, or gives ranges inside that share no byte', () => {
  const count = fc.oneof(fc.nat(120).map(String), fc.constantFrom('', '9'.repeat(30), ' ', '-'))
  const spec = fc.tuple(count, count).map((pair) => pair.join('-'))
  const headers = fc.oneof(
    fc.array(spec, { maxLength: 120 }).map((specs) => `bytes=${specs.join(',')}`),
    fc.string({ unit: 'binary' }).map((text) => `bytes=${text}`),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(headers, fc.nat(100), (header, size) => {
      const ranges = rangesOrCode(header, size)
      if (typeof ranges === 'string') {
        expect(ranges).toBe('INVALID_RANGE')
        return
      }
      const taken = new Set<number>()
      for (const { offset, length } of ranges ?? []) {
        expect(length).toBeGreaterThan(0)
        expect(offset + length).toBeLessThanOrEqual(size)
        for (let at = offset; at < offset + length; at++) {
          expect(taken.has(at)).toBe(false)
          taken.add(at)
        }
      }
    }),
    { numRuns: 1000 },
  )
})

function rangesOrCode(header: string, size: number): readonly ByteRange[] | undefined | string {
  try {
    return parseRanges(header, size)
  } catch (error) {
    return isPrsmError(error) ? error.code : String(error)
  }
}
