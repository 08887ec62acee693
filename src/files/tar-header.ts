/**
 * The blocks of a tar archive: POSIX ustar and pax (IEEE Std 1003.1-2024, `pax`, "ustar Interchange
 * Format" and "pax Header Block"), and what GNU tar adds (base-256 numbers, `L` and `K` members).
 *
 * Our own, since tar-stream 3.2 takes an archive that was cut between two members for a whole one, and
 * turns names that are not UTF-8 into others.
 */
import { PrsmError } from '../core/errors.ts'

export const BLOCK = 512

/** What the header block of a member says. `type` is its type flag: `0` file, `5` directory, `x` pax, … */
export type TarHeader = {
  readonly rawName: Uint8Array
  readonly size: number
  readonly type: string
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  target: [157, 100],
  magic: [257, 8],
  prefix: [345, 155],
} as const

type Field = readonly [offset: number, length: number]

/** Size of the largest number that fits in a size field of 11 octal digits: 8 GiB - 1. */
const MAX_OCTAL_SIZE = 0o77777777777

export function invalidTar(what: string, hint = 'send an uncompressed tar archive'): PrsmError {
  return new PrsmError('INVALID_INPUT', `not a readable tar archive: ${what}`, { hint })
}

export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0)
}

/** Reads a header block. Throws INVALID_INPUT when its checksum or a number is wrong. */
export function decodeHeader(block: Uint8Array): TarHeader {
  if (numberIn(block, field.checksum) !== checksum(block)) {
    throw invalidTar('a header has a wrong checksum', hintFor(block))
  }
  const size = numberIn(block, field.size)
  if (!Number.isSafeInteger(size)) throw invalidTar('a header has a wrong size')
  const type = String.fromCharCode(block[156] || 0x30)
  const name = textIn(block, field.name)
  const prefix = isUstar(block) ? textIn(block, field.prefix) : new Uint8Array(0)
  return {
    rawName: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    size,
    type,
  }
}

function hintFor(block: Uint8Array): string | undefined {
  const gzip = block[0] === 0x1f && block[1] === 0x8b
  const zstd = block[0] === 0x28 && block[1] === 0xb5
  return gzip || zstd ? 'the archive is compressed: send it uncompressed' : undefined
}

/** The text of a name. Throws UNSUPPORTED_ENTRY for bytes that are not UTF-8, naming them as Latin-1. */
export function decodeName(raw: Uint8Array): string {
  try {
    return utf8.decode(raw)
  } catch (cause) {
    const shown = JSON.stringify(Buffer.from(raw).toString('latin1'))
    throw new PrsmError('UNSUPPORTED_ENTRY', `the name ${shown} is not valid UTF-8`, {
      hint: 'rename it, for instance with convmv',
      cause,
    })
  }
}

/** The records of a pax header, `length key=value\n` each, values as bytes. Throws INVALID_INPUT. */
export function decodePax(bytes: Uint8Array): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>()
  let rest = bytes
  while (rest.length > 0) {
    const space = rest.indexOf(0x20)
    const digits = ascii(rest.subarray(0, Math.max(0, space)))
    const length = /^\d+$/.test(digits) ? Number(digits) : Number.NaN
    const record = rest.subarray(space + 1, length - 1)
    const equals = record.indexOf(0x3d)
    if (!(length > space + 1 && length <= rest.length) || equals < 1 || rest[length - 1] !== 0x0a) {
      throw invalidTar('a pax header is damaged')
    }
    records.set(ascii(record.subarray(0, equals)), record.subarray(equals + 1))
    rest = rest.subarray(length)
  }
  return records
}

/** The `size` of a pax header. Throws INVALID_INPUT. */
export function decodePaxSize(value: Uint8Array): number {
  const text = ascii(value)
  const size = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(size)) return size
  throw invalidTar('a pax header has a wrong size')
}

/** The blocks before the content of a member: its header, after a pax header where ustar does not do. */
export function encodeHeader(path: string, type: '0' | '5', size: number): Uint8Array {
  const records = [
    ...(isPlain(path) ? [] : [paxRecord('path', path)]),
    ...(size > MAX_OCTAL_SIZE ? [paxRecord('size', String(size))] : []),
  ]
  return withRecords(records, headerBlock(plainName(path), type, size))
}

/** The blocks of a symbolic link. */
export function encodeSymlink(path: string, target: string): Uint8Array {
  const records = [
    ...(isPlain(path) ? [] : [paxRecord('path', path)]),
    ...(isPlain(target) ? [] : [paxRecord('linkpath', target)]),
  ]
  const header = headerBlock(plainName(path), '2', 0)
  header.set(Buffer.from(isPlain(target) ? target : 'long-target'), field.target[0])
  return withRecords(records, sealed(header))
}

/** True for a path that an ustar header holds as it is. */
function isPlain(path: string): boolean {
  return /^[\x20-\x7e]*$/.test(path) && path.length <= field.name[1]
}

function plainName(path: string): Uint8Array {
  return Buffer.from(isPlain(path) ? path : 'long-name')
}

function withRecords(records: readonly Uint8Array[], header: Uint8Array): Uint8Array {
  if (records.length === 0) return header
  const pax = Buffer.concat(records)
  return Buffer.concat([
    headerBlock(Buffer.from('pax-header'), 'x', pax.length),
    pax,
    new Uint8Array(padding(pax.length)),
    header,
  ])
}

/** Zero bytes between the end of `size` bytes of content and the next block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

function headerBlock(name: Uint8Array, type: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK)
  const put = ([offset]: Field, text: string): void =>
    block.set(Buffer.from(text, 'latin1'), offset)
  block.set(name, field.name[0])
  put(field.mode, type === '5' ? '0000755\0' : '0000644\0')
  put(field.uid, '0000000\0')
  put(field.gid, '0000000\0')
  put(field.size, `${Math.min(size, MAX_OCTAL_SIZE).toString(8).padStart(11, '0')}\0`)
  put(field.mtime, '00000000000\0')
  block[156] = type.charCodeAt(0)
  put(field.magic, 'ustar\x0000')
  return sealed(block)
}

/** Writes the checksum. */
function sealed(block: Uint8Array): Uint8Array {
  const text = `${checksum(block).toString(8).padStart(6, '0')}\0 `
  block.set(Buffer.from(text, 'latin1'), field.checksum[0])
  return block
}

/** The length at the front of a record counts itself. */
function paxRecord(key: string, value: string): Uint8Array {
  const body = Buffer.byteLength(` ${key}=${value}\n`)
  let length = body + 1
  while (length !== body + String(length).length) length = body + String(length).length
  return Buffer.from(`${length} ${key}=${value}\n`)
}

/** The sum of all bytes, those of the checksum itself taken for spaces. */
function checksum(block: Uint8Array): number {
  const [start, length] = field.checksum
  const counted = (byte: number, at: number) => (at >= start && at < start + length ? 0x20 : byte)
  return block.reduce((sum, byte, at) => sum + counted(byte, at), 0)
}

function isUstar(block: Uint8Array): boolean {
  const [offset, length] = field.magic
  return ascii(block.subarray(offset, offset + length)) === 'ustar\x0000'
}

/** The bytes of a field up to its first NUL. */
function textIn(block: Uint8Array, [offset, length]: Field): Uint8Array {
  const bytes = block.subarray(offset, offset + length)
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

/** Octal digits between spaces and NULs, or base 256 where the first bit is set (GNU); else NaN. */
function numberIn(block: Uint8Array, [offset, length]: Field): number {
  const bytes = block.subarray(offset, offset + length)
  const first = bytes[0] ?? 0
  if (first >= 0x80) {
    return bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, first & 0x7f)
  }
  const text = ascii(bytes)
    .replace(/^ +/, '')
    .replace(/[ \0].*$/s, '')
  if (text === '') return 0
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN
}

function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
