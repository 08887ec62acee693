import type { ErrorCode, PrsmError } from '../core/errors.ts'

/**
 * The status of every error at the gateway (specs.ipfs.tech, path gateway, 3.1). It differs from the API's
 * where the specification does: a path that leads through a file is not there (404), a content of a
 * codec that has no such form is not acceptable (406).
 */
const statuses: Readonly<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  INVALID_CID: 400,
  INVALID_RANGE: 416,
  CONFIG_INVALID: 500,
  CONTENT_NOT_FOUND: 404,
  PATH_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  NOT_A_FILE: 400,
  NOT_A_DIRECTORY: 404,
  PIN_NOT_FOUND: 404,
  FILE_NOT_FOUND: 404,
  FILE_UNREADABLE: 500,
  FILE_UNWRITABLE: 500,
  UNSUPPORTED_ENTRY: 422,
  UNSUPPORTED_CODEC: 406,
  UNSUPPORTED_MEDIA_TYPE: 415,
  UPLOAD_TOO_LARGE: 413,
  UPLOAD_INCOMPLETE: 400,
  SHA256_MISMATCH: 422,
  BLOCK_CORRUPT: 500,
  BLOCK_REJECTED: 502,
  DAG_INVALID: 422,
  DAG_LIMIT: 422,
  STORAGE_FULL: 507,
  STORAGE_IO: 500,
  STORE_CORRUPT: 500,
  STORE_TOO_NEW: 500,
  STORE_LOCKED: 500,
  ADDRESS_IN_USE: 500,
  CAR_INVALID: 422,
  NETWORK_OFF: 404,
  PEER_UNREACHABLE: 502,
  NOT_ACCEPTABLE: 406,
  NOT_CACHED: 412,
  NOT_IMPLEMENTED: 501,
  TOO_MANY_REQUESTS: 429,
  FORBIDDEN_HOST: 403,
  FORBIDDEN_ORIGIN: 403,
  DAEMON_UNREACHABLE: 502,
  CANCELLED: 499,
  NODE_CLOSED: 503,
  UNSUPPORTED_PLATFORM: 500,
  INTERNAL: 500,
}

/** Content that is not there although somebody has not answered yet was not found in time (504). */
export function gatewayStatus({ code, details }: PrsmError): number {
  const { unanswered } = details
  if (code === 'CONTENT_NOT_FOUND' && typeof unanswered === 'number' && unanswered > 0) return 504
  return statuses[code]
}
