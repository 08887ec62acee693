import { STATUS_CODES } from 'node:http'
import type { z } from 'zod'
import type { problem } from '../api/schemas.ts'
import { PrsmError, systemCode, toPrsmError } from '../core/errors.ts'
import { unsupportedUpload } from './media-type.ts'
import { statusOf } from './status.ts'

export type Problem = z.infer<typeof problem>

/** What a problem says about the request it answers. `status` only where the code's own is not it. */
export type ProblemContext = {
  readonly requestId: string
  /** The path that was asked for, without its query. */
  readonly instance?: string
  readonly status?: number
}

/** An error as problem details (RFC 9457). Of a fault of ours nothing is told but the request id. */
export function problemOf(error: PrsmError, context: ProblemContext): Problem {
  const status = context.status ?? statusOf[error.code]
  const facts = {
    type: 'about:blank',
    title: titleOf(status),
    status,
    code: error.code,
    requestId: context.requestId,
    ...(context.instance === undefined ? {} : { instance: context.instance }),
  }
  if (error.code === 'INTERNAL') {
    return { ...facts, detail: `the node failed; its log has more under ${context.requestId}` }
  }
  return {
    ...facts,
    detail: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
  }
}

/** With the type `about:blank` the title is the phrase of the status (RFC 9457, 4.2.1). */
function titleOf(status: number): string {
  return status === statusOf.CANCELLED ? 'Client Closed Request' : (STATUS_CODES[status] ?? 'Error')
}

/** An error of Fastify's own (an unreadable URL, a media type that is none) as one of ours. */
export function fromFramework(error: unknown): { error: PrsmError; status?: number } {
  if (!systemCode(error)?.startsWith('FST_')) return { error: toPrsmError(error) }
  const status = statusCode(error)
  if (status === undefined || status >= 500) return { error: toPrsmError(error) }
  if (status === statusOf.UNSUPPORTED_MEDIA_TYPE) {
    return { error: unsupportedUpload('a Content-Type that is none', error) }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { error: new PrsmError('INVALID_INPUT', message, { cause: error }), status }
}

function statusCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined
  return typeof error.statusCode === 'number' ? error.statusCode : undefined
}
