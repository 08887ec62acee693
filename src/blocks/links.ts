import * as dagPb from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { DAG_PB } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { DAG_CBOR, documentLinks, isDocument } from './document-links.ts'
import { inlineBlock } from './multihash.ts'

/**
 * The CIDs a block names, read by its codec; none for raw and for codecs that are stored but not
 * understood. A link that carries its block (an identity CID) gives the links of that block. Throws
 * BLOCK_REJECTED when a dag-pb, dag-cbor or dag-json block cannot be decoded.
 */
export function linksOf(cid: CID, bytes: Uint8Array): readonly CID[] {
  try {
    return ownLinks(cid, bytes).flatMap(reached)
  } catch (cause) {
    throw new PrsmError('BLOCK_REJECTED', `${cid} is not a ${nameOf(cid)} block`, { cause })
  }
}

/** The stored blocks a link leads to. What an identity CID carries that nobody can read leads nowhere. */
function reached(link: CID): readonly CID[] {
  const inner = inlineBlock(link)
  if (inner === undefined) return [link]
  if (inner.byteLength > limits.maxIdentityBytes) return []
  try {
    return ownLinks(link, inner).flatMap(reached)
  } catch {
    return []
  }
}

function ownLinks(cid: CID, bytes: Uint8Array): readonly CID[] {
  if (cid.code === DAG_PB) return dagPb.decode(bytes).Links.map(({ Hash }) => Hash)
  return isDocument(cid) ? documentLinks(cid, bytes) : []
}

function nameOf({ code }: CID): string {
  if (code === DAG_PB) return 'dag-pb'
  return code === DAG_CBOR ? 'dag-cbor' : 'dag-json'
}

/** One link as it is stored: the row of the child block, and the codec the parent reads it with. */
export type StoredLink = { readonly child: number; readonly codec: number }

/** Links as a run of unsigned LEB128 numbers: child, codec, child, codec … (ids below 2^53). */
export function packLinks(links: readonly StoredLink[]): Uint8Array {
  const out: number[] = []
  for (const { child, codec } of links) {
    pushVarint(out, child)
    pushVarint(out, codec)
  }
  return Uint8Array.from(out)
}

/** What `packLinks` packed. */
export function unpackLinks(packed: Uint8Array): StoredLink[] {
  const links: StoredLink[] = []
  const numbers = varints(packed)
  for (const child of numbers) {
    const codec = numbers.next()
    if (codec.done === true) throw new RangeError('odd count of numbers in packed links')
    links.push({ child, codec: codec.value })
  }
  return links
}

function pushVarint(out: number[], value: number): void {
  let rest = value
  while (rest > 0x7f) {
    out.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  out.push(rest)
}

function* varints(bytes: Uint8Array): Generator<number, undefined> {
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale
    scale *= 0x80
    if (byte >= 0x80) continue
    yield value
    value = 0
    scale = 1
  }
  return undefined
}
