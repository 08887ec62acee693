import { PrsmError } from '../core/errors.ts'

const UNITS: readonly (readonly [name: string, bytes: bigint])[] = [
  ['TiB', 2n ** 40n],
  ['GiB', 2n ** 30n],
  ['MiB', 2n ** 20n],
  ['KiB', 2n ** 10n],
]

const SIZE = /^(\d{1,16})(?:\.(\d{1,16}))?\s*([a-z]*)$/i

/**
 * Reads bytes, or a number of KiB, MiB, GiB or TiB (1.5GiB is one, too, when it is whole bytes).
 * Throws INVALID_INPUT, also for KB and MB, which mean two things.
 */
export function parseSize(text: string): number {
  const [, whole, fraction = '', unit = ''] = SIZE.exec(text.trim()) ?? []
  if (whole === undefined) throw notASize(text, 'write bytes, or a number with KiB, MiB, GiB, TiB')
  const scale = 10n ** BigInt(fraction.length)
  const scaled = BigInt(whole + fraction) * unitBytes(unit, text)
  if (scaled % scale !== 0n) throw notASize(text, 'it is not a whole number of bytes')
  const bytes = scaled / scale
  if (bytes > Number.MAX_SAFE_INTEGER) throw notASize(text, 'the most is 8191TiB')
  return Number(bytes)
}

/** Reads a plain number of MiB: what a variable that ends in `_MB` takes. Throws INVALID_INPUT. */
export function parseMebibytes(text: string): number {
  if (!/^\d{1,10}$/.test(text.trim())) {
    throw notASize(text, 'a name that ends in _MB takes a whole number of MiB, without a unit')
  }
  return parseSize(`${text.trim()}MiB`)
}

/** How the size in `variable` is read: its name decides. */
export function sizeParser(variable: string): (text: string) => number {
  return variable.endsWith('_MB') ? parseMebibytes : parseSize
}

/** The shortest exact text that `parseSize` reads: `1GiB`, `1536MiB`, `1000`. */
export function formatSize(bytes: number): string {
  const exact = BigInt(bytes)
  const unit = UNITS.find(([, size]) => exact > 0n && exact % size === 0n)
  return unit === undefined ? String(bytes) : `${exact / unit[1]}${unit[0]}`
}

function unitBytes(unit: string, text: string): bigint {
  if (unit === '') return 1n
  const known = UNITS.find(([name]) => name.toLowerCase() === unit.toLowerCase())
  if (known !== undefined) return known[1]
  const meant = UNITS.find(([name]) => name[0]?.toLowerCase() === unit[0]?.toLowerCase())
  if (meant === undefined) throw notASize(text, 'the units are KiB, MiB, GiB and TiB')
  throw notASize(text, `write ${meant[0]} for ${meant[1]} bytes, or the number of bytes`)
}

function notASize(text: string, hint: string): PrsmError {
  return new PrsmError('INVALID_INPUT', `not a size: ${JSON.stringify(text)}`, { hint })
}
