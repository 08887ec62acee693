import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

/** A part of a content: bytes from `offset` on, `length` of them, all inside it. */
export type ByteRange = { readonly offset: number; readonly length: number }

/**
 * The parts a Range header asks for (RFC 9110, 14.1.2), in its order; when some overlap, joined and
 * sorted, so that no byte is sent twice. Undefined for the whole: without a header, and for what is
 * not well formed, which a server may ignore. Throws INVALID_RANGE when no byte is in any of them, and
 * for more than `limits.maxRanges`.
 */
export function parseRanges(
  header: string | undefined,
  size: number,
): readonly ByteRange[] | undefined {
  const specs = /^bytes=(.*)$/i.exec(header ?? '')?.[1]?.split(',')
  if (specs === undefined) return undefined
  if (specs.length > limits.maxRanges) throw tooMany(specs.length)
  const parts = specs.map((spec) => spec.trim()).filter((spec) => spec !== '')
  const ranges: ByteRange[] = []
  for (const part of parts) {
    const range = parseOne(part, size)
    if (range === 'malformed' || range === 'whole') return undefined
    if (range !== 'outside') ranges.push(range)
  }
  if (parts.length === 0) return undefined
  if (ranges.length === 0) throw outside(size)
  return apart(ranges) ? ranges : joined(ranges)
}

function parseOne(spec: string, size: number): ByteRange | 'malformed' | 'whole' | 'outside' {
  const [, first = '', last = ''] = /^(\d*)-(\d*)$/.exec(spec) ?? []
  if (first === '' && last === '') return 'malformed'
  return first === '' ? suffix(Number(last), size) : between(Number(first), last, size)
}

/** The last bytes. Of an empty content there are none to name, so it is sent whole. */
function suffix(length: number, size: number): ByteRange | 'whole' | 'outside' {
  if (length === 0) return 'outside'
  if (size === 0) return 'whole'
  const bytes = Math.min(length, size)
  return { offset: size - bytes, length: bytes }
}

function between(offset: number, last: string, size: number): ByteRange | 'malformed' | 'outside' {
  if (last !== '' && Number(last) < offset) return 'malformed'
  if (offset >= size) return 'outside'
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return { offset, length: end - offset + 1 }
}

/** True when no two of them share a byte. */
function apart(ranges: readonly ByteRange[]): boolean {
  return joined(ranges).length === ranges.length
}

/** The same bytes, each once, in the order they stand in. */
function joined(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const merged: ByteRange[] = []
  for (const range of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const before = merged.at(-1)
    const end = before === undefined ? -1 : before.offset + before.length
    if (before === undefined || range.offset >= end) merged.push(range)
    else {
      const length = Math.max(end, range.offset + range.length) - before.offset
      merged[merged.length - 1] = { offset: before.offset, length }
    }
  }
  return merged
}

function outside(size: number): PrsmError {
  return new PrsmError('INVALID_RANGE', `the range is outside the ${size} bytes of the content`, {
    details: { size },
  })
}

function tooMany(count: number): PrsmError {
  return new PrsmError(
    'INVALID_RANGE',
    `a request may name ${limits.maxRanges} ranges, not ${count}`,
    {
      hint: 'ask for fewer, or for the whole',
    },
  )
}
