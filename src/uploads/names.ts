import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;[\x20-\x7e]*)?$/

/** A name content can be listed and saved under. Throws INVALID_INPUT. */
export function checkFilename(name: string): string {
  const bytes = Buffer.byteLength(name)
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw new PrsmError('INVALID_INPUT', `filename ${JSON.stringify(name)} is no name for a file`, {
      hint: 'give a plain name: no slash, not empty, not . or ..',
    })
  }
  if (bytes <= limits.maxFilenameBytes) return name
  throw new PrsmError('INVALID_INPUT', `the filename has ${bytes} bytes`, {
    hint: `give one of at most ${limits.maxFilenameBytes} bytes`,
  })
}

/** A media type as RFC 9110 writes it. Throws INVALID_INPUT. */
export function checkContentType(type: string): string {
  if (type.length <= limits.maxContentTypeBytes && MEDIA_TYPE.test(type)) return type
  throw new PrsmError('INVALID_INPUT', `${JSON.stringify(type.slice(0, 80))} is no media type`, {
    hint: 'write it like text/plain or application/json; charset=utf-8',
  })
}

/** A SHA-256 as 64 hex digits, in lower case. Throws INVALID_INPUT. */
export function checkSha256(hex: string): string {
  if (/^[0-9a-f]{64}$/i.test(hex)) return hex.toLowerCase()
  throw new PrsmError('INVALID_INPUT', 'expectedSha256 must be 64 hex digits', {
    hint: '`sha256sum FILE` prints it',
  })
}
