import { hash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import { keyOfMultihash } from '../db/known-ids.ts'

const IDENTITY = 0x00
const SHA2_256 = 0x12

/** Multihash functions a block can be checked against (multicodec table), by their name in `node:crypto`. */
const functions: ReadonlyMap<number, string> = new Map([
  [SHA2_256, 'sha256'],
  [0x13, 'sha512'],
])

/** A string that two CIDs share exactly when they name the same bytes: their multihash. */
export function keyOf(cid: CID): string {
  return keyOfMultihash(cid.multihash.bytes)
}

/** The CID of a key, as raw: the key has only the multihash. */
export function cidOfKey(key: string): CID {
  return CID.createV1(RAW, Digest.decode(Buffer.from(key, 'latin1')))
}

/** The block itself, when the CID carries it (identity multihash), else undefined. */
export function inlineBlock(cid: CID): Uint8Array | undefined {
  return cid.multihash.code === IDENTITY ? cid.multihash.digest : undefined
}

/** True when `bytes` are what `cid` names. Throws UNSUPPORTED_CODEC for a hash function we cannot compute. */
export function matches(cid: CID, bytes: Uint8Array): boolean {
  if (cid.multihash.code === IDENTITY) return bufferOf(cid.multihash.digest).equals(bytes)
  const name = functions.get(cid.multihash.code)
  if (name === undefined) throw unsupported(cid)
  // As text, which is compared faster than a new buffer is made for the hash.
  return isDigest(cid, hash(name, bytes, 'binary'))
}

/** True when the block can be checked by the SHA-256 of its bytes alone. */
export function isSha256(cid: CID): boolean {
  return cid.multihash.code === SHA2_256
}

/** True when `sum`, as latin1 text, is the digest in `cid`. */
export function isDigest(cid: CID, sum: string): boolean {
  return bufferOf(cid.multihash.digest).toString('latin1') === sum
}

function unsupported(cid: CID): PrsmError {
  const code = `0x${cid.multihash.code.toString(16)}`
  return new PrsmError('UNSUPPORTED_CODEC', `${cid} uses the hash function ${code}`, {
    hint: 'sha2-256, sha2-512 and identity are checked here; nothing unchecked is stored',
  })
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
