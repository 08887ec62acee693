import { STATUS_CODES } from 'node:http'
import { isPrsmError, PrsmError, toPrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Reply } from './ask.ts'
import { parseAccept } from './negotiate.ts'
import { escaped, HTML, PAGE_END, PAGE_POLICY, pageHead } from './page.ts'
import { gatewayStatus } from './status.ts'

const PROBLEM = 'application/problem+json'
/** What the gateway answers: it is read-only. */
export const METHODS = 'GET, HEAD, OPTIONS'

const PLAIN = 'text/plain; charset=utf-8'

export type RefusalContext = {
  readonly requestId: string
  readonly accept: string | undefined
  /** The request was answered from what is here alone: what is not is NOT_CACHED. */
  readonly onlyIfCached: boolean
  /** Where the code of the error does not say it (405, 414). */
  readonly status?: number | undefined
}

/** An error as an answer: a page, problem details (RFC 9457) or a line of text, by `Accept`. */
export function refusalReply(thrown: unknown, context: RefusalContext): Reply {
  const error = asked(toPrsmError(thrown), context)
  const status = context.status ?? gatewayStatus(error)
  const { type, body } = described(error, status, context)
  return {
    status,
    headers: {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...(type === HTML && { 'content-security-policy': PAGE_POLICY }),
      ...headersOf(error, status),
    },
    body,
    label: 'error',
  }
}

function asked(error: PrsmError, { onlyIfCached }: RefusalContext): PrsmError {
  if (!onlyIfCached || error.code !== 'CONTENT_NOT_FOUND') return error
  return new PrsmError('NOT_CACHED', 'the content is not stored here', {
    hint: 'ask without Cache-Control: only-if-cached to have it fetched',
    details: error.details,
    cause: error,
  })
}

function headersOf(error: PrsmError, status: number): Readonly<Record<string, string | number>> {
  const { size } = error.details
  if (status === 405) return { allow: METHODS }
  if (status === 429) return { 'retry-after': limits.gatewayRetryAfterSeconds }
  if (status === 416 && typeof size === 'number') return { 'content-range': `bytes */${size}` }
  return {}
}

type Described = { readonly type: string; readonly body: string }

function described(error: PrsmError, status: number, context: RefusalContext): Described {
  const title = STATUS_CODES[status] ?? 'Client Closed Request'
  // Of a fault of ours nothing is told but where it stands in the log.
  const detail =
    error.code === 'INTERNAL'
      ? `the gateway failed; its log has more under ${context.requestId}`
      : error.message
  const hint = error.code === 'INTERNAL' ? undefined : error.hint
  const form = formOf(context.accept)
  if (form === 'json') {
    const facts = { type: 'about:blank', title, status, code: error.code, detail, hint }
    return { type: PROBLEM, body: JSON.stringify({ ...facts, requestId: context.requestId }) }
  }
  if (form === 'html') return { type: HTML, body: pageOf(`${status} ${title}`, [detail, hint]) }
  return {
    type: PLAIN,
    body: `${[detail, hint].filter((text) => text !== undefined).join('\n')}\n`,
  }
}

function pageOf(title: string, texts: readonly (string | undefined)[]): string {
  const lines = texts.map((text) => (text === undefined ? '' : `<p>${escaped(text)}</p>\n`))
  return `${pageHead(title)}<h1>${escaped(title)}</h1>\n${lines.join('')}${PAGE_END}`
}

function formOf(accept: string | undefined): 'html' | 'json' | 'plain' {
  for (const { type } of parseAccept(accept ?? '')) {
    if (type === 'text/html') return 'html'
    if (type === PROBLEM || type === 'application/json') return 'json'
  }
  return 'plain'
}

/** True for what an operator should see: a fault of ours, of the store or of the disk. */
export function isFault(error: unknown): boolean {
  if (!isPrsmError(error)) return true
  return (
    error.code === 'INTERNAL' || error.code === 'BLOCK_CORRUPT' || error.code.startsWith('STOR')
  )
}
