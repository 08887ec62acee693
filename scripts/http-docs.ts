/** Writes the tables of docs/HTTP.md from the code: `node scripts/http-docs.ts`. */
import { readFile, writeFile } from 'node:fs/promises'
import type { ErrorCode } from '../src/core/errors.ts'
import { limits } from '../src/core/limits.ts'
import { statusOf } from '../src/http/status.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'
import { collectNodeMetrics } from '../src/telemetry/node-metrics.ts'
import { collectProcessMetrics } from '../src/telemetry/process-metrics.ts'

export const httpDocs = new URL('../docs/HTTP.md', import.meta.url)

/** When the API answers with a code; null where only the library and the command line have it. */
const when: Readonly<Record<ErrorCode, string | null>> = {
  INVALID_INPUT: 'the request is no well-formed one: its query, path, headers, form or JSON',
  INVALID_CID: 'what stands in the place of a CID is none',
  INVALID_RANGE:
    'nothing of the file is in the range; `Content-Range: bytes */SIZE` tells its size',
  CONFIG_INVALID: null,
  CONTENT_NOT_FOUND:
    'the content, or a block of it, is not stored here, and no peer has it; `details.answers` tells who was asked and what each said',
  PATH_NOT_FOUND: 'the folder has no such name',
  ROUTE_NOT_FOUND: 'there is no such route; status 405 when it takes other methods (`Allow`)',
  NOT_A_FILE: 'it is a folder or a symbolic link where a file is asked for',
  NOT_A_DIRECTORY: 'it is a file where a folder is asked for, or the path goes on below one',
  PIN_NOT_FOUND: 'the content is not pinned',
  FILE_NOT_FOUND: null,
  FILE_UNREADABLE: null,
  FILE_UNWRITABLE: null,
  UNSUPPORTED_ENTRY: 'the archive has a link, a device, or a name that leads out of the folder',
  UNSUPPORTED_CODEC: 'the CID has a codec or hash function that is not read here',
  UNSUPPORTED_MEDIA_TYPE: 'the body has a media type or encoding that is not taken',
  UPLOAD_TOO_LARGE: 'a file or a JSON body is over the limit, or a folder has too many entries',
  UPLOAD_INCOMPLETE: 'the body ended before its time, or stood still for too long',
  SHA256_MISMATCH: 'the content has not the SHA-256 that was expected',
  BLOCK_CORRUPT: 'a stored block is damaged; uploading the content again mends it',
  BLOCK_REJECTED: null,
  DAG_INVALID: 'what is stored under the CID contradicts itself (a wrong size or type)',
  DAG_LIMIT: 'what is stored under the CID is too deep or too large to read',
  STORAGE_FULL: 'the disk is full; what was stored before can still be read',
  STORAGE_IO: 'the disk failed',
  STORE_CORRUPT: 'a database is damaged',
  STORE_TOO_NEW: null,
  STORE_LOCKED: 'another program has a database locked',
  ADDRESS_IN_USE: null,
  CAR_INVALID: 'the archive is no CAR, is cut off, or has a block that is not what its CID says',
  NETWORK_OFF: 'the daemon runs without the network (`PRSM_NETWORK=off`)',
  PEER_UNREACHABLE: 'the peer does not answer, or is not connected',
  NOT_ACCEPTABLE: null,
  NOT_CACHED: null,
  NOT_IMPLEMENTED: null,
  TOO_MANY_REQUESTS: null,
  FORBIDDEN_HOST: 'the `Host` header is not a name of this machine',
  FORBIDDEN_ORIGIN: 'the request comes from a web page of another origin',
  DAEMON_UNREACHABLE: null,
  CANCELLED: 'the client went away: nobody reads this one, but logs and metrics have it',
  NODE_CLOSED: 'the daemon is shutting down',
  UNSUPPORTED_PLATFORM: null,
  INTERNAL: 'a fault of ours; the log has more under the request id',
}

/** `page` with what is between its markers made anew. Throws when a marker is missing. */
export function withTables(page: string): string {
  const tables = { errors: errorTable(), limits: limitTable(), metrics: metricTable() }
  return Object.entries(tables).reduce((made, [name, text]) => between(made, name, text), page)
}

function between(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name}: made by scripts/http-docs.ts -->`, `<!-- /${name} -->`]
  const [from, to] = [page.indexOf(start), page.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`no marker ${start} before ${end}`)
  return `${page.slice(0, from + start.length)}\n\n${text}\n\n${page.slice(to)}`
}

function errorTable(): string {
  const rows = Object.entries(when).flatMap(([code, meaning]) => {
    if (meaning === null) return []
    return [[`\`${code}\``, String(statusOf[code as ErrorCode]), meaning]]
  })
  return table(['code', 'status', 'when'], rows)
}

function limitTable(): string {
  const rows = [
    [
      'bytes of one file (`PRSM_MAX_FILE_SIZE`; `0`: none)',
      size(limits.maxFileBytes),
      'UPLOAD_TOO_LARGE',
    ],
    [
      'uploads, downloads, imports and pins at a time (`PRSM_CONCURRENCY`)',
      count(limits.concurrency),
      'they wait in line',
    ],
    ['entries of one folder, all levels', count(limits.maxFolderEntries), 'UPLOAD_TOO_LARGE'],
    ['folders a path is deep', count(limits.maxPathDepth), 'UNSUPPORTED_ENTRY'],
    [
      'bytes of a name, of a path in a folder',
      `${limits.maxNameBytes}, ${count(limits.maxPathBytes)}`,
      'UNSUPPORTED_ENTRY',
    ],
    [
      'bytes of `filename`, of `contentType`',
      `${limits.maxFilenameBytes}, ${limits.maxContentTypeBytes}`,
      'INVALID_INPUT',
    ],
    [
      'bytes of a URL; of all headers with it',
      `${size(limits.maxUrlBytes)}; ${size(limits.maxHeadBytes)}`,
      'INVALID_INPUT (414; 431)',
    ],
    ['bytes of a body that is JSON', size(limits.maxJsonBodyBytes), 'UPLOAD_TOO_LARGE'],
    ['time a dial to a peer may take', seconds(limits.dialMs), 'PEER_UNREACHABLE'],
    ['time for the head of a request', seconds(limits.headMs), 'INVALID_INPUT (408)'],
    ['time without a byte of the body', seconds(limits.idleBodyMs), 'UPLOAD_INCOMPLETE'],
    [
      'of a refused body, read and dropped so that the client sees the answer',
      `${size(limits.refusedBodyBytes)} or ${seconds(limits.refusedBodyMs)}`,
      'the connection is closed',
    ],
    ['time for running requests at shut-down', seconds(limits.drainMs), 'NODE_CLOSED'],
    [
      'bytes of the name of a pin, of its metadata as JSON',
      `${limits.maxPinNameBytes}, ${count(limits.maxPinMetadataBytes)}`,
      'INVALID_INPUT',
    ],
    ['entries of the metadata of a pin', count(limits.maxPinMetadata), 'INVALID_INPUT'],
    [
      'uploads or pins on a page of the list',
      `${limits.defaultPageRows}, at most ${count(limits.maxPageRows)}`,
      'INVALID_INPUT',
    ],
  ]
  return table(['what', 'limit', 'beyond it'], rows)
}

function metricTable(): string {
  const metrics = createMetrics()
  const none = () => Promise.reject(new Error('there is no node'))
  using _node = collectNodeMetrics(metrics, { operations: { running: 0, waiting: 0 }, store: none })
  using _process = collectProcessMetrics(metrics)
  const all = metrics.registry.getMetricsAsArray()
  const rows = all.map(({ name, type, help }) => [`\`${name}\``, String(type), help])
  return table(['metric', 'type', 'what'], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** `1 GiB`, `64 KiB`: in the largest unit that has no fraction. */
function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  let value = bytes
  while (value % 1024 === 0 && units.length > 1) {
    value /= 1024
    units.shift()
  }
  return `${value} ${units[0]}`
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function seconds(ms: number): string {
  return `${ms / 1000} s`
}

if (import.meta.main) {
  await writeFile(httpDocs, withTables(await readFile(httpDocs, 'utf8')))
}
