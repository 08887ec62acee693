import type { ErrorCode } from '../core/errors.ts'

/** Exhaustive: a new code does not compile until clients know it. */
const known: Readonly<Record<ErrorCode, true>> = {
  INVALID_INPUT: true,
  INVALID_CID: true,
  INVALID_RANGE: true,
  CONFIG_INVALID: true,
  CONTENT_NOT_FOUND: true,
  PATH_NOT_FOUND: true,
  ROUTE_NOT_FOUND: true,
  NOT_A_FILE: true,
  NOT_A_DIRECTORY: true,
  FILE_NOT_FOUND: true,
  FILE_UNREADABLE: true,
  FILE_UNWRITABLE: true,
  UNSUPPORTED_ENTRY: true,
  UNSUPPORTED_CODEC: true,
  UNSUPPORTED_MEDIA_TYPE: true,
  UPLOAD_TOO_LARGE: true,
  UPLOAD_INCOMPLETE: true,
  SHA256_MISMATCH: true,
  BLOCK_CORRUPT: true,
  BLOCK_REJECTED: true,
  DAG_INVALID: true,
  DAG_LIMIT: true,
  STORAGE_FULL: true,
  STORAGE_IO: true,
  STORE_CORRUPT: true,
  STORE_TOO_NEW: true,
  STORE_LOCKED: true,
  ADDRESS_IN_USE: true,
  FORBIDDEN_HOST: true,
  FORBIDDEN_ORIGIN: true,
  DAEMON_UNREACHABLE: true,
  CANCELLED: true,
  NODE_CLOSED: true,
  UNSUPPORTED_PLATFORM: true,
  INTERNAL: true,
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(known, code)
}
