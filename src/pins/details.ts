import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { PinDetails } from '../core/pins.ts'

/** The details of a pin as the book has them; undefined: not given. */
export type CheckedDetails = {
  readonly name: string | undefined
  /** A JSON object of texts. */
  readonly metadata: string | undefined
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null | undefined
}

/** Throws INVALID_INPUT for a name or metadata that are too long, and for an expiry that is no time to come. */
export function checkDetails(
  { name, metadata, expiresAt }: PinDetails,
  now: number,
): CheckedDetails {
  return {
    name: name === undefined ? undefined : checkName(name),
    metadata: metadata === undefined ? undefined : checkMetadata(metadata),
    expiresAt:
      expiresAt === undefined || expiresAt === null ? expiresAt : checkExpiry(expiresAt, now),
  }
}

function checkName(name: string): string {
  if (typeof name === 'string' && Buffer.byteLength(name) <= limits.maxPinNameBytes) return name
  throw new PrsmError('INVALID_INPUT', 'the name of the pin is too long', {
    hint: `a name has at most ${limits.maxPinNameBytes} bytes`,
  })
}

function checkMetadata(metadata: Readonly<Record<string, string>>): string {
  const entries = Object.entries(Object(metadata))
  const texts = entries.every(([, value]) => typeof value === 'string')
  const json = texts ? JSON.stringify(Object.fromEntries(entries)) : ''
  const fits =
    entries.length <= limits.maxPinMetadata && Buffer.byteLength(json) <= limits.maxPinMetadataBytes
  if (texts && fits) return json
  throw new PrsmError('INVALID_INPUT', 'the metadata of the pin are no texts, or too much', {
    hint: `at most ${limits.maxPinMetadata} texts by their names, ${limits.maxPinMetadataBytes} bytes as JSON`,
  })
}

function checkExpiry(expiresAt: string | Date, now: number): number {
  const time = new Date(expiresAt).getTime()
  if (time > now) return time
  const what = Number.isNaN(time) ? 'is no time' : 'is in the past'
  throw new PrsmError('INVALID_INPUT', `the expiry ${String(expiresAt)} ${what}`, {
    hint: 'give a time to come, as 2027-01-31T00:00:00Z',
  })
}
