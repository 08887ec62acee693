import { PrsmError } from '../core/errors.ts'

/** A part of a file: bytes from `offset` on, `length` of them, all inside the file. */
export type ByteRange = { readonly offset: number; readonly length: number }

/**
 * The part a Range header asks for (RFC 9110, 14.1.2), or undefined for the whole: without a header,
 * for several ranges and for what is not well formed, which a server may ignore. Throws INVALID_RANGE
 * when nothing of the file is in the range.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const parts = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '')
  if (parts === null) return undefined
  const [, first = '', last = ''] = parts
  if (first === '' && last === '') return undefined
  return first === '' ? suffix(Number(last), size) : between(first, last, size)
}

/** The last bytes. Of an empty file there are none to name, so it is sent whole. */
function suffix(length: number, size: number): ByteRange | undefined {
  if (length === 0) throw unsatisfiable(size)
  if (size === 0) return undefined
  const bytes = Math.min(length, size)
  return { offset: size - bytes, length: bytes }
}

function between(first: string, last: string, size: number): ByteRange | undefined {
  const offset = Number(first)
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (last !== '' && Number(last) < offset) return undefined
  if (offset >= size) throw unsatisfiable(size)
  return { offset, length: end - offset + 1 }
}

function unsatisfiable(size: number): PrsmError {
  return new PrsmError('INVALID_RANGE', `the range is outside the ${size} bytes of the file`, {
    details: { size },
  })
}
