import { createHash } from 'node:crypto'
import type { EntityBytes } from '../car/traverse-entity.ts'
import { PrsmError } from '../core/errors.ts'
import type { Ask } from './ask.ts'

/** What a CAR is asked to hold (specs.ipfs.tech, trustless gateway, CAR Responses). */
export type CarParameters = {
  readonly scope: 'block' | 'entity' | 'all'
  /** Only with the scope `entity`. */
  readonly bytes?: EntityBytes
  readonly duplicates: boolean
}

type Asked = Pick<Ask, 'query' | 'formatParameters'>

/**
 * The parameters of the query, before those of the media type that was accepted (IPIP-523). Throws
 * INVALID_INPUT for a value that is none, and for those that do not go together.
 */
export function carParameters(ask: Asked): CarParameters {
  oneOf(ask, 'version', ['1'])
  // Without an order asked for, or with any order allowed, ours is depth first all the same.
  oneOf(ask, 'order', ['dfs', 'unk'])
  const bytes = entityBytes(ask.query.get('entity-bytes') ?? '')
  return {
    scope: scopeOf(ask.query.get('dag-scope') ?? '', bytes !== undefined),
    ...(bytes !== undefined && { bytes }),
    duplicates: oneOf(ask, 'dups', ['y', 'n']) === 'y',
  }
}

/** Tells answers of other parameters apart, as a part of their tags. */
export function parametersTag({ scope, bytes, duplicates }: CarParameters, path: string): string {
  const range = bytes === undefined ? '' : `${bytes.from}:${bytes.to ?? '*'}`
  const facts = [scope, range, duplicates ? 'y' : 'n', path].join('\n')
  return createHash('sha256').update(facts).digest('hex').slice(0, 16)
}

/** What was accepted besides the type, under the names of the query. */
export function acceptedParameters({ formatParameters }: Asked): ReadonlyMap<string, string> {
  const named = ['version', 'order', 'dups'].flatMap((name): [string, string][] => {
    const value = formatParameters.get(name)
    return value === undefined ? [] : [[`car-${name}`, value]]
  })
  return new Map(named)
}

function oneOf({ query, formatParameters }: Asked, name: string, allowed: readonly string[]) {
  const value = query.get(`car-${name}`) ?? formatParameters.get(name)
  if (value === undefined || allowed.includes(value)) return value
  const shown = JSON.stringify(value.slice(0, 40))
  throw invalid(`no CAR of ${name} ${shown} is made here`, `${name} is ${allowed.join(' or ')}`)
}

function scopeOf(text: string, hasBytes: boolean): CarParameters['scope'] {
  const scope = text === '' ? (hasBytes ? 'entity' : 'all') : text
  if (scope !== 'block' && scope !== 'entity' && scope !== 'all') {
    const shown = JSON.stringify(text.slice(0, 40))
    throw invalid(`dag-scope=${shown} is not known`, 'it is block, entity or all')
  }
  if (!hasBytes || scope === 'entity') return scope
  throw invalid(`entity-bytes and dag-scope=${scope} do not go together`, 'use dag-scope=entity')
}

function entityBytes(text: string): EntityBytes | undefined {
  if (text === '') return undefined
  const [, first = '', last = ''] = /^(-?\d{1,19}):(-?\d{1,19}|\*)$/.exec(text) ?? []
  const from = first === '' ? undefined : bytePosition(first)
  const to = last === '*' || last === '' ? undefined : bytePosition(last)
  if (from === undefined || (to === undefined && last !== '*') || isBackwards(from, to)) {
    const shown = JSON.stringify(text.slice(0, 40))
    throw invalid(
      `entity-bytes=${shown} is no range of bytes`,
      'it is FROM:TO, both counted from 0 or, when negative, from the end; TO may be *',
    )
  }
  return { from, to }
}

/**
 * Up to the largest number of 64 bits, which clients put for 'to the end'; undefined for a larger one.
 * No content has as many bytes: what a number here cannot tell apart leads to the same blocks.
 */
function bytePosition(text: string): number | undefined {
  const value = BigInt(text)
  if (BigInt.asIntN(64, value) !== value) return undefined
  const most = Number.MAX_SAFE_INTEGER
  return Math.max(-most, Math.min(most, Number(value)))
}

/** Of ends that are counted from the same side it can be told before the size is known. */
function isBackwards(from: number, to: number | undefined): boolean {
  return to !== undefined && from < 0 === to < 0 && to < from
}

function invalid(message: string, hint: string): PrsmError {
  return new PrsmError('INVALID_INPUT', message, { hint })
}
