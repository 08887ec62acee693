import { z } from 'zod'
import { limits } from '../core/limits.ts'

/** The path all routes of the API stand under. */
export const API_ROOT = '/api/v1'

/** The header that carries the id of a request, both ways. */
export const REQUEST_ID_HEADER = 'x-request-id'

/** RFC 9457 media types. */
export const PROBLEM_JSON = 'application/problem+json'
export const NDJSON = 'application/x-ndjson'
export const TAR = 'application/x-tar'
export const CAR = 'application/vnd.ipld.car'
export const OCTETS = 'application/octet-stream'

const sha256 = z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hex digits')
const bytes = z.int().nonnegative()

const fitsName = (name: string) => Buffer.byteLength(name) <= limits.maxFilenameBytes

export const uploadQuery = z.strictObject({
  filename: z.string().min(1).exactOptional(),
  contentType: z.string().min(1).exactOptional(),
  expectedSha256: sha256.exactOptional(),
})

/** `filename` is the name the download is saved under. */
export const downloadQuery = z.strictObject({
  filename: z
    .string()
    .regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u, 'must be a plain name')
    .refine(fitsName, `must have at most ${limits.maxFilenameBytes} bytes`)
    .exactOptional(),
  offline: z.enum(['true', 'false']).exactOptional(),
})

export const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(limits.maxPageRows).exactOptional(),
  before: z.coerce.number().int().min(1).exactOptional(),
})

export const uploadResult = z.object({
  cid: z.string(),
  bytes,
  sha256: z.string(),
  filename: z.string(),
  contentType: z.string(),
  created: z.boolean(),
  newBytes: bytes,
  reusedBytes: bytes,
  durationMs: z.number(),
})

/** `pin=false` leaves what is imported to the next collection. */
export const importQuery = z.strictObject({ pin: z.enum(['true', 'false']).exactOptional() })

export const importResult = z.object({
  roots: z.array(
    z.object({
      cid: z.string(),
      complete: z.boolean(),
      pinned: z.boolean(),
      missing: z.array(z.string()),
    }),
  ),
  blocks: z.int(),
  bytes,
  newBytes: bytes,
  reusedBytes: bytes,
  durationMs: z.number(),
})

export const uploadRecord = z.object({
  id: z.int(),
  cid: z.string(),
  bytes,
  sha256: z.string(),
  filename: z.string(),
  contentType: z.string(),
  createdAt: z.string(),
})

export const uploadPage = z.object({
  uploads: z.array(uploadRecord),
  next: z.int().exactOptional(),
})

export const contentStat = z.object({
  cid: z.string(),
  kind: z.enum(['file', 'directory']),
  bytes,
  links: z.int(),
  codec: z.enum(['raw', 'dag-pb']),
  sharded: z.boolean(),
})

export const directoryEntry = z.object({
  name: z.string(),
  cid: z.string(),
  kind: z.enum(['file', 'directory', 'symlink']),
  bytes,
})

/** `draining`: no new requests are taken, running ones are ended. */
export const health = z.object({ status: z.enum(['ok', 'draining']), version: z.string() })

export const nodeStatus = z.object({
  version: z.string(),
  dataDir: z.string().nullable(),
  startedAt: z.string(),
  uptimeSeconds: z.number(),
  blocks: z.int(),
  blockBytes: bytes,
  uploads: z.int(),
  uploadBytes: bytes,
})

export const nodeIdentity = z.object({
  id: z.string(),
  addresses: z.array(z.string()),
  agent: z.string(),
})

export const peerConnection = z.object({
  id: z.string(),
  address: z.string(),
  direction: z.enum(['inbound', 'outbound']),
  openedAt: z.string(),
  agent: z.string().exactOptional(),
  kept: z.boolean(),
})

export const peerList = z.object({ peers: z.array(peerConnection) })

/** The body of a request to connect to a peer. */
export const connectBody = z.strictObject({ address: z.string().min(1).max(limits.maxPathBytes) })

/** `offline=true`: no peer is asked. */
export const readQuery = z.strictObject({ offline: z.enum(['true', 'false']).exactOptional() })

/** An error on the wire (RFC 9457). `code` is an `ErrorCode`; clients must take ones they do not know. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string().exactOptional(),
  code: z.string(),
  hint: z.string().exactOptional(),
  requestId: z.string().exactOptional(),
  details: z.record(z.string(), z.unknown()).exactOptional(),
})
