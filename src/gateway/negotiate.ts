import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { remembered } from '../core/remembered.ts'
import type { Format } from './ask.ts'

/** What the answer is made as, and the parameters its media type was asked with. */
export type Choice = {
  readonly format: Format
  readonly parameters: ReadonlyMap<string, string>
  /** True when `format=` or `Accept` named it. */
  readonly asked: boolean
}

const FORMAT_NAMES: ReadonlySet<string> = new Set<Format>([
  'raw',
  'car',
  'tar',
  'dag-json',
  'dag-cbor',
  'json',
  'cbor',
  'ipns-record',
])

/** The media types that ask for a format; any other is content as its name and bytes say. */
const MEDIA_TYPES: ReadonlyMap<string, Format> = new Map([
  ['application/vnd.ipld.raw', 'raw'],
  ['application/vnd.ipld.car', 'car'],
  ['application/x-tar', 'tar'],
  ['application/vnd.ipld.dag-json', 'dag-json'],
  ['application/vnd.ipld.dag-cbor', 'dag-cbor'],
  ['application/json', 'json'],
  ['application/cbor', 'cbor'],
  ['application/vnd.ipfs.ipns-record', 'ipns-record'],
])

const NONE: ReadonlyMap<string, string> = new Map()
const DEFAULT: Choice = { format: 'unixfs', parameters: NONE, asked: false }

/**
 * Chooses the format: `format=` wins over `Accept` (IPIP-523), whose best known media type counts, the
 * first of those of equal weight; a page or anything at all may be better than it. What is malformed
 * there is passed over. Throws INVALID_INPUT for a `format=` that is none, NOT_ACCEPTABLE when
 * `Accept` has nothing but formats of IPLD nobody here knows.
 */
export function negotiate(query: URLSearchParams, accept: string | undefined): Choice {
  const named = query.get('format') ?? ''
  if (named === '' && accept === undefined) return DEFAULT
  const ranges = accept === undefined ? [] : parseAccept(accept)
  if (named !== '') return chosen(formatNamed(named), ranges)
  const best = ranges.find(({ type }) => MEDIA_TYPES.has(type) || isPage(type))
  if (best !== undefined) {
    const format = MEDIA_TYPES.get(best.type)
    return format === undefined ? DEFAULT : chosen(format, [best])
  }
  const foreign =
    ranges.length > 0 && ranges.every(({ type }) => type.startsWith('application/vnd.ip'))
  if (foreign) throw notAcceptable(ranges)
  return DEFAULT
}

function formatNamed(name: string): Format {
  if (isFormat(name)) return name
  throw new PrsmError('INVALID_INPUT', `format=${name.slice(0, 40)} is not known here`, {
    hint: `use one of ${[...FORMAT_NAMES].join(', ')}`,
  })
}

function isFormat(name: string): name is Format {
  return FORMAT_NAMES.has(name)
}

function chosen(format: Format, ranges: readonly MediaRange[]): Choice {
  const parameters = ranges.find(({ type }) => MEDIA_TYPES.get(type) === format)?.parameters ?? NONE
  return { format, parameters, asked: true }
}

function isPage(type: string): boolean {
  return type === 'text/html' || type === 'application/xhtml+xml'
}

/** One element of Accept (RFC 9110, 12.5.1). */
export type MediaRange = {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  /** 0 to 1. */
  readonly weight: number
}

/** The elements of an Accept header that are not refused by a weight of 0, the best first. */
export const parseAccept = remembered(parseRanges, limits.gatewayTypes)

function parseRanges(header: string): readonly MediaRange[] {
  const parts = header.split(',', limits.maxMediaRanges)
  const ranges = parts.map(mediaRange).filter((range) => range !== undefined)
  return ranges.filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight)
}

function mediaRange(text: string): MediaRange | undefined {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim())
  if (!/^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+$/.test(type)) return undefined
  const parameters = new Map(rest.map(parameter))
  const weight = Number(parameters.get('q') ?? '1')
  parameters.delete('q')
  return { type: type.toLowerCase(), parameters, weight: weight >= 0 && weight <= 1 ? weight : 1 }
}

function parameter(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 0) return [text.toLowerCase(), '']
  const value = text.slice(at + 1).trim()
  return [text.slice(0, at).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1')]
}

function notAcceptable(ranges: readonly MediaRange[]): PrsmError {
  const types = ranges
    .map(({ type }) => type)
    .join(', ')
    .slice(0, 200)
  return new PrsmError('NOT_ACCEPTABLE', `no answer of this gateway is ${types}`, {
    hint: `ask for ${[...MEDIA_TYPES.keys()].slice(0, 2).join(' or ')}, or without Accept`,
  })
}
