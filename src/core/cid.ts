import { hash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { Digest } from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { PrsmError } from './errors.ts'
import { limits } from './limits.ts'
import { remembered } from './remembered.ts'

/** Multicodec codes this project reads (multicodec table). */
export const RAW = 0x55
export const DAG_PB = 0x70

const SHA256_BYTES = 32
/** Bytes before the digest: version, codec, hash function, length; each is one byte below 128. */
const PREFIX_BYTES = 4
const CONTINUED = 0x80

/**
 * As `CID.decode`, which it leaves all but the most frequent kind to: version 1 with a SHA-256 is made
 * here at a fifth of its price. The CID keeps `bytes`. Throws the error of multiformats.
 */
export function decodeCid(bytes: Uint8Array): CID {
  const codec = bytes[1] ?? CONTINUED
  const isFrequent =
    bytes.byteLength === PREFIX_BYTES + SHA256_BYTES &&
    bytes[0] === 1 &&
    codec < CONTINUED &&
    bytes[2] === sha256.code &&
    bytes[3] === SHA256_BYTES
  if (!isFrequent) return CID.decode(bytes)
  const own = bytes as Uint8Array<ArrayBuffer>
  const digest = new Digest(sha256.code, SHA256_BYTES, own.subarray(PREFIX_BYTES), own.subarray(2))
  return new CID(1, codec, digest, own)
}

const CID_BYTES = PREFIX_BYTES + SHA256_BYTES
/** CIDs whose bytes share a piece of memory: a piece each costs as much as the hash of a small block. */
const CIDS_AT_ONCE = 32

let piece = Buffer.alloc(0)
let taken = 0

/** The CID of some bytes: version 1 with their SHA-256. `codec` is a code below 128. */
export function sha256Cid(codec: number, bytes: Uint8Array): CID {
  if (taken === piece.byteLength) {
    piece = Buffer.allocUnsafeSlow(CIDS_AT_ONCE * CID_BYTES)
    taken = 0
  }
  const own = new Uint8Array(piece.buffer, taken, CID_BYTES)
  own[0] = 1
  own[1] = codec
  own[2] = sha256.code
  own[3] = SHA256_BYTES
  piece.write(hash('sha256', bytes, 'binary'), taken + PREFIX_BYTES, 'binary')
  taken += CID_BYTES
  return decodeCid(own)
}

/** Parses a CID of any version and base that multiformats knows without configuration. Throws INVALID_CID. */
export const parseCid = remembered(parse, limits.rememberedCids)

function parse(text: string): CID {
  try {
    return CID.parse(text)
  } catch (cause) {
    throw new PrsmError('INVALID_CID', `not a CID: ${JSON.stringify(text.slice(0, 120))}`, {
      cause,
      hint: 'a CID looks like bafkrei… or Qm…; see `prsm ls` or the list of uploads',
    })
  }
}

/** What is asked for: a root and the names that lead from it to the content. */
export type Target = { readonly root: CID; readonly path: readonly string[] }

/**
 * Parses `CID`, `CID/a/b`, `/ipfs/CID/a/b` or `ipfs://CID/a/b`. Names are taken as they stand (not
 * percent-decoded); empty ones are dropped. Throws INVALID_CID, and INVALID_INPUT for `.` and `..`.
 */
export function parseTarget(text: string): Target {
  const bare = text.replace(/^ipfs:\/\//, '').replace(/^\/ipfs\//, '')
  const [cid = '', ...rest] = bare.split('/')
  return { root: parseCid(cid), path: pathNames(rest) }
}

/**
 * What a text or a CID names. The object may be of another copy of multiformats: a host application
 * has its own. Throws INVALID_CID, and INVALID_INPUT as `parseTarget` does.
 */
export function targetOf(content: string | CID): Target {
  if (typeof content === 'string') return parseTarget(content)
  const root = CID.asCID(content)
  if (root !== null) return { root, path: [] }
  throw new PrsmError('INVALID_CID', `a value of type ${typeof content} is no CID`, {
    hint: 'give a CID, or its text with or without a path',
  })
}

/** A CID without a path. Throws INVALID_CID, and INVALID_INPUT for one that has one. */
export function bareCid(content: string | CID): CID {
  const { root, path } = targetOf(content)
  if (path.length === 0) return root
  throw new PrsmError('INVALID_INPUT', `a CID is wanted, not ${formatTarget({ root, path })}`, {
    hint: 'name the CID itself: `prsm stat` tells that of a path',
  })
}

/** Checks the names of a path inside a DAG. Throws INVALID_INPUT. */
export function pathNames(parts: readonly string[]): readonly string[] {
  const names = parts.filter((name) => name !== '')
  const bad = names.find((name) => name === '.' || name === '..' || name.includes('\0'))
  if (bad === undefined) return names
  throw new PrsmError('INVALID_INPUT', `the path has the name ${JSON.stringify(bad)}`, {
    hint: 'name what you want from the root down, without . and ..',
  })
}

/** `CID/a/b`, as `parseTarget` reads it. */
export function formatTarget(target: Target): string {
  return [target.root.toString(), ...target.path].join('/')
}
