import type { CID } from 'multiformats/cid'
import { DAG_PB } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { DAG_CBOR, documentLinks, isDocument } from './document-links.ts'
import { inlineBlock } from './multihash.ts'
import { pbLinks } from './pb-links.ts'

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
  if (cid.code === DAG_PB) return pbLinks(bytes)
  return isDocument(cid) ? documentLinks(cid, bytes) : []
}

function nameOf({ code }: CID): string {
  if (code === DAG_PB) return 'dag-pb'
  return code === DAG_CBOR ? 'dag-cbor' : 'dag-json'
}
