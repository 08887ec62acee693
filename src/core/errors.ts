/**
 * Every way an operation can end other than well. The union is closed: a new code does not compile
 * until it has its HTTP status (`http/status.ts`) and its exit code (`cli/exit-codes.ts`).
 */
const errorCodes = [
  'INVALID_INPUT',
  'INVALID_CID',
  'INVALID_RANGE',
  'CONFIG_INVALID',
  'CONTENT_NOT_FOUND',
  'PATH_NOT_FOUND',
  'ROUTE_NOT_FOUND',
  'NOT_A_FILE',
  'NOT_A_DIRECTORY',
  'PIN_NOT_FOUND',
  'FILE_NOT_FOUND',
  'FILE_UNREADABLE',
  'FILE_UNWRITABLE',
  'UNSUPPORTED_ENTRY',
  'UNSUPPORTED_CODEC',
  'UNSUPPORTED_MEDIA_TYPE',
  'UPLOAD_TOO_LARGE',
  'UPLOAD_INCOMPLETE',
  'SHA256_MISMATCH',
  'BLOCK_CORRUPT',
  'BLOCK_REJECTED',
  'DAG_INVALID',
  'DAG_LIMIT',
  'STORAGE_FULL',
  'STORAGE_IO',
  'STORE_CORRUPT',
  'STORE_TOO_NEW',
  'STORE_LOCKED',
  'ADDRESS_IN_USE',
  'CAR_INVALID',
  'NETWORK_OFF',
  'PEER_UNREACHABLE',
  'NOT_ACCEPTABLE',
  'NOT_CACHED',
  'NOT_IMPLEMENTED',
  'TOO_MANY_REQUESTS',
  'FORBIDDEN_HOST',
  'FORBIDDEN_ORIGIN',
  'DAEMON_UNREACHABLE',
  'CANCELLED',
  'NODE_CLOSED',
  'UNSUPPORTED_PLATFORM',
  'INTERNAL',
] as const

export type ErrorCode = (typeof errorCodes)[number]

const known: ReadonlySet<string> = new Set(errorCodes)

/** True for a code this version knows: what another one sends may be of a later version. */
export function isErrorCode(code: string): code is ErrorCode {
  return known.has(code)
}

/** What a thrower adds: `hint` says what to do next, `details` are facts for machines (JSON). */
export type ErrorContext = {
  readonly hint?: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** The one error class of the project. Decide by `code`, never by `message`. */
export class PrsmError extends Error {
  override readonly name = 'PrsmError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause })
    this.code = code
    this.hint = context.hint
    this.details = context.details ?? {}
  }
}

/** True for an error of ours, also for one made by a second copy of this module (a host app may have two). */
export function isPrsmError(error: unknown): error is PrsmError {
  return error instanceof Error && error.name === 'PrsmError' && 'code' in error
}

/** `error` itself when it is ours, else an INTERNAL one that carries it as its cause. */
export function toPrsmError(error: unknown): PrsmError {
  if (isPrsmError(error)) return error
  if (isAbort(error))
    return new PrsmError('CANCELLED', 'the operation was cancelled', { cause: error })
  return new PrsmError('INTERNAL', error instanceof Error ? error.message : String(error), {
    cause: error,
    hint: 'this is a fault of ours: please report it with the log of the node',
  })
}

/** True for what an aborted `AbortSignal` makes functions throw. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
}

/** The `code` of a system error (`ENOSPC`, `EACCES`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** True for a system error that says the disk, or the user's share of it, is used up. */
export function isDiskFull(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}
