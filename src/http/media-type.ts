import type { IncomingMessage } from 'node:http'
import { OCTETS, TAR } from '../api/schemas.ts'
import { PrsmError } from '../core/errors.ts'

export const FORM = 'multipart/form-data'

const MEDIA_TYPES = [OCTETS, TAR, FORM] as const
export type MediaType = (typeof MEDIA_TYPES)[number]

/** The media type of an upload, without parameters. Throws UNSUPPORTED_MEDIA_TYPE, INVALID_INPUT. */
export function mediaTypeOf({ headers }: IncomingMessage): MediaType {
  const { 'content-type': type = '', 'content-encoding': coding = 'identity' } = headers
  const bare = type.split(';', 1)[0]?.trim().toLowerCase()
  const known = MEDIA_TYPES.find((one) => one === bare)
  if (known === undefined) throw unsupportedMediaType(`Content-Type ${JSON.stringify(type)}`)
  if (coding.toLowerCase() !== 'identity') {
    throw unsupportedMediaType(`Content-Encoding ${JSON.stringify(coding)}`)
  }
  if (known !== FORM || /;\s*boundary=/i.test(type)) return known
  throw new PrsmError('INVALID_INPUT', `${FORM} needs a boundary`)
}

/** What is told of a body with a media type or coding nobody takes. */
export function unsupportedMediaType(what: string, cause?: unknown): PrsmError {
  return new PrsmError('UNSUPPORTED_MEDIA_TYPE', `cannot take a body with ${what}`, {
    hint: `send ${OCTETS} (a file as it is), ${FORM} (one file) or ${TAR} (a folder), unencoded`,
    cause,
  })
}
