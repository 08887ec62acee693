import type { ErrorCode } from '../core/errors.ts'

/** The exit codes of `prsm`, with what they mean. Part of the interface: docs/CLI.md lists them. */
export const exitCodes = {
  ok: [0, 'it went well'],
  internal: [1, 'a fault of ours'],
  usage: [2, 'wrong arguments: an unknown option, no CID, a range outside the file, not a file'],
  unreachable: [3, 'no daemon, or not the peer, answers'],
  notFound: [4, 'there is no such content, path or local file'],
  tooLarge: [5, 'larger than the daemon accepts'],
  full: [6, 'a disk is full'],
  refused: [
    7,
    'the content is damaged or incomplete, of another hash, or of a kind that is refused (a link, a device)',
  ],
  taken: [8, 'another daemon holds the data folder, or another program the port'],
  version: [9, 'the version of Node, of the system or of the data folder is not supported'],
  config: [10, 'the configuration has faults'],
  files: [11, 'a local file cannot be read or written, or exists already'],
  io: [12, 'reading, writing or sending failed midway'],
  forbidden: [13, 'the daemon does not serve this host or origin'],
  cancelled: [130, 'cancelled (Ctrl-C)'],
} as const satisfies Record<string, readonly [code: number, meaning: string]>

type Ending = keyof typeof exitCodes

const endings: Readonly<Record<ErrorCode, Ending>> = {
  INVALID_INPUT: 'usage',
  INVALID_CID: 'usage',
  INVALID_RANGE: 'usage',
  NOT_A_FILE: 'usage',
  NOT_A_DIRECTORY: 'usage',
  UNSUPPORTED_MEDIA_TYPE: 'usage',
  CONFIG_INVALID: 'config',
  CONTENT_NOT_FOUND: 'notFound',
  PATH_NOT_FOUND: 'notFound',
  ROUTE_NOT_FOUND: 'notFound',
  PIN_NOT_FOUND: 'notFound',
  FILE_NOT_FOUND: 'notFound',
  FILE_UNREADABLE: 'files',
  FILE_UNWRITABLE: 'files',
  UPLOAD_TOO_LARGE: 'tooLarge',
  UPLOAD_INCOMPLETE: 'io',
  UNSUPPORTED_ENTRY: 'refused',
  UNSUPPORTED_CODEC: 'refused',
  SHA256_MISMATCH: 'refused',
  BLOCK_CORRUPT: 'refused',
  BLOCK_REJECTED: 'refused',
  DAG_INVALID: 'refused',
  DAG_LIMIT: 'refused',
  STORE_CORRUPT: 'refused',
  STORAGE_FULL: 'full',
  STORAGE_IO: 'io',
  STORE_TOO_NEW: 'version',
  UNSUPPORTED_PLATFORM: 'version',
  STORE_LOCKED: 'taken',
  ADDRESS_IN_USE: 'taken',
  FORBIDDEN_HOST: 'forbidden',
  FORBIDDEN_ORIGIN: 'forbidden',
  DAEMON_UNREACHABLE: 'unreachable',
  NODE_CLOSED: 'unreachable',
  PEER_UNREACHABLE: 'unreachable',
  NETWORK_OFF: 'usage',
  CAR_INVALID: 'refused',
  NOT_ACCEPTABLE: 'usage',
  NOT_CACHED: 'notFound',
  NOT_IMPLEMENTED: 'usage',
  TOO_MANY_REQUESTS: 'unreachable',
  CANCELLED: 'cancelled',
  INTERNAL: 'internal',
}

/** What `prsm` exits with after this error. */
export function exitCodeOf(code: ErrorCode): number {
  return exitCodes[endings[code]][0]
}
