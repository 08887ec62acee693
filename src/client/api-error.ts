import type { z } from 'zod'
import type { problem } from '../api/schemas.ts'
import {
  type ErrorCode,
  isErrorCode,
  isPrsmError,
  PrsmError,
  systemCode,
  toPrsmError,
} from '../core/errors.ts'

/** The error a daemon told us about. A code of a later version becomes INTERNAL, with its text. */
export function fromProblem(told: z.infer<typeof problem>): PrsmError {
  const code: ErrorCode = isErrorCode(told.code) ? told.code : 'INTERNAL'
  return new PrsmError(code, told.detail, {
    ...(told.hint === undefined ? {} : { hint: told.hint }),
    ...(told.details === undefined ? {} : { details: told.details }),
  })
}

/** What answered is not a daemon of ours, or not of a version we understand. */
export function notUnderstood(url: string, what: string, cause?: unknown): PrsmError {
  return new PrsmError('DAEMON_UNREACHABLE', `${url} did not answer as a daemon of prsm: ${what}`, {
    hint: 'check the address (PRSM_API), and that client and daemon have the same version',
    cause,
  })
}

/** The daemon stopped in the middle of an answer, and did not say why when asked again. */
export function brokenOff(url: string, cause?: unknown): PrsmError {
  return new PrsmError('STORAGE_IO', `${url} broke off in the middle of the content`, {
    hint: 'the log of the daemon says why',
    cause,
  })
}

const REFUSED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Why a request got no answer: cancelled, nobody there, or a connection that broke. */
export function fromConnection(
  error: unknown,
  url: string,
  signal: AbortSignal | undefined,
): PrsmError {
  if (signal?.aborted) {
    return new PrsmError('CANCELLED', 'the operation was cancelled', { cause: error })
  }
  if (isPrsmError(error)) return error
  const code = systemCode(error)
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return new PrsmError('UPLOAD_INCOMPLETE', 'the content has not as many bytes as announced', {
      cause: error,
    })
  }
  if (code === undefined) return toPrsmError(error)
  if (REFUSED.has(code)) {
    return new PrsmError('DAEMON_UNREACHABLE', `no daemon answers at ${url}`, {
      hint: 'start one with `prsm daemon` (in a clone: `npm start`)',
      cause: error,
    })
  }
  return new PrsmError('DAEMON_UNREACHABLE', `the connection to ${url} broke (${code})`, {
    hint: 'see the log of the daemon, then try again',
    cause: error,
  })
}
