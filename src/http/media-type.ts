import type { IncomingMessage } from 'node:http'
import { OCTETS, TAR } from '../api/schemas.ts'
import { PrsmError } from '../core/errors.ts'

export const FORM = 'multipart/form-data'

const UPLOAD_TYPES = [OCTETS, TAR, FORM] as const
export type UploadType = (typeof UPLOAD_TYPES)[number]

/** The media type of an upload, without parameters. Throws UNSUPPORTED_MEDIA_TYPE, INVALID_INPUT. */
export function uploadTypeOf(request: IncomingMessage): UploadType {
  const type = mediaTypeOf(request, UPLOAD_TYPES)
  if (type === undefined) throw unsupportedUpload(given(request))
  if (type !== FORM || /;\s*boundary=/i.test(request.headers['content-type'] ?? '')) return type
  throw new PrsmError('INVALID_INPUT', `${FORM} needs a boundary`)
}

/** Throws UNSUPPORTED_MEDIA_TYPE for a body that is none of `types`, or encoded. */
export function checkMediaType(request: IncomingMessage, types: readonly string[]): void {
  if (mediaTypeOf(request, types) !== undefined) return
  throw unsupported(given(request), `send ${types.join(' or ')}, unencoded`)
}

/** What is told of an upload with a media type or coding nobody takes. */
export function unsupportedUpload(what: string, cause?: unknown): PrsmError {
  const hint = `send ${OCTETS} (a file as it is), ${FORM} (one file) or ${TAR} (a folder), unencoded`
  return unsupported(what, hint, cause)
}

/** The type the body is said to have; undefined when that is none of `types`, or it is encoded. */
function mediaTypeOf<Type extends string>(
  { headers }: IncomingMessage,
  types: readonly Type[],
): Type | undefined {
  const { 'content-type': type = '', 'content-encoding': coding = 'identity' } = headers
  const bare = type.split(';', 1)[0]?.trim().toLowerCase()
  return coding.toLowerCase() === 'identity' ? types.find((one) => one === bare) : undefined
}

function given({ headers }: IncomingMessage): string {
  const { 'content-type': type = '', 'content-encoding': coding } = headers
  const encoded = coding === undefined ? '' : ` and Content-Encoding ${JSON.stringify(coding)}`
  return `Content-Type ${JSON.stringify(type)}${encoded}`
}

function unsupported(what: string, hint: string, cause?: unknown): PrsmError {
  return new PrsmError('UNSUPPORTED_MEDIA_TYPE', `cannot take a body with ${what}`, { hint, cause })
}
