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

/** A truth in a query. */
const truth = z.enum(['true', 'false'])
const sha256 = z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hex digits')
const bytes = z.int().nonnegative()

const fitsName = (name: string) => Buffer.byteLength(name) <= limits.maxFilenameBytes

/** `pin=false` leaves what is uploaded to the next collection. */
export const uploadQuery = z.strictObject({
  filename: z.string().min(1).exactOptional(),
  contentType: z.string().min(1).exactOptional(),
  expectedSha256: sha256.exactOptional(),
  pin: truth.exactOptional(),
})

/** `filename` is the name the download is saved under. */
export const downloadQuery = z.strictObject({
  filename: z
    .string()
    .regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u, 'must be a plain name')
    .refine(fitsName, `must have at most ${limits.maxFilenameBytes} bytes`)
    .exactOptional(),
  offline: truth.exactOptional(),
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
  pinned: z.boolean(),
  created: z.boolean(),
  newBytes: bytes,
  reusedBytes: bytes,
  durationMs: z.number(),
})

/** `pin=false` leaves what is imported to the next collection. */
export const importQuery = z.strictObject({ pin: truth.exactOptional() })

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
  pinned: z.boolean(),
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

const pinMode = z.enum(['recursive', 'direct'])
const content = z.string().min(1).max(limits.maxPathBytes)

/** What a pin is to be called. How long texts may be, and what is a time to come, the node says. */
const pinDetails = {
  name: z.string().exactOptional(),
  metadata: z
    .unknown()
    .refine((value) => !Object.hasOwn(Object(value), '__proto__'), 'must not have __proto__')
    .pipe(z.record(z.string(), z.string()))
    .exactOptional(),
  expiresAt: z.string().nullable().exactOptional(),
}

/** The body of a request to pin; `cid` may have a path. */
export const pinBody = z.strictObject({
  cid: content,
  mode: pinMode.exactOptional(),
  ...pinDetails,
  offline: z.boolean().exactOptional(),
})

/** The body of a request to pin `to` instead of `from`. */
export const pinUpdateBody = z.strictObject({
  from: content,
  to: content,
  unpin: z.boolean().exactOptional(),
  ...pinDetails,
  offline: z.boolean().exactOptional(),
})

const pinFilter = {
  mode: pinMode.exactOptional(),
  name: z.string().exactOptional(),
  cid: z.string().exactOptional(),
}

export const pinsQuery = z.strictObject(pinFilter)

export const pinPageQuery = z.strictObject({
  ...pinFilter,
  limit: z.coerce.number().int().min(1).max(limits.maxPageRows).exactOptional(),
  after: z.string().exactOptional(),
})

/** The body of a request to verify pins. */
export const verifyBody = z.strictObject({ ...pinFilter, read: z.boolean().exactOptional() })

export const pin = z.object({
  cid: z.string(),
  mode: pinMode,
  name: z.string(),
  metadata: z.record(z.string(), z.string()),
  createdAt: z.string(),
  expiresAt: z.string().exactOptional(),
})

export const pinPage = z.object({ pins: z.array(pin), next: z.string().exactOptional() })

export const pinResult = pin.extend({
  created: z.boolean(),
  blocks: z.int(),
  fetchedBlocks: z.int(),
  fetchedBytes: bytes,
  durationMs: z.number(),
})

export const pinProgress = z.object({
  blocks: z.int(),
  fetchedBlocks: z.int(),
  fetchedBytes: bytes,
  elapsedMs: z.number(),
  stalled: z
    .object({ cid: z.string(), forMs: z.number(), waitingFor: z.array(z.string()) })
    .exactOptional(),
})

/** A line of the answer to a request to pin: how far it is, or at last what came of it. */
export const pinLine = z.union([
  z.object({ progress: pinProgress }),
  z.object({ result: pinResult }),
])

export const pinCheck = z.object({
  cid: z.string(),
  mode: pinMode,
  complete: z.boolean(),
  blocks: z.int(),
  missing: z.array(z.string()),
})

/** The body of a request to collect. */
export const collectBody = z.strictObject({
  dryRun: z.boolean().exactOptional(),
  free: z.int().exactOptional(),
})

export const collectionResult = z.object({
  dryRun: z.boolean(),
  blocks: z.int(),
  bytes,
  expiredPins: z.int(),
  durationMs: z.number(),
})

/** `maxBytes` null: no limit but the disk. */
export const repoStat = z.object({
  logicalBytes: bytes,
  blocks: z.int(),
  storedBytes: bytes,
  savedBytes: bytes,
  physicalBytes: bytes,
  reservedBytes: bytes,
  maxBytes: bytes.nullable(),
})

/** `offline=true`: no peer is asked. */
export const readQuery = z.strictObject({ offline: truth.exactOptional() })

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
