import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import type { CID } from 'multiformats/cid'
import { DAG_CBOR, documentLinks as linksIn } from '../blocks/document-links.ts'
import { limits } from '../core/limits.ts'
import { dagInvalid, dagLimit } from '../unixfs/dag-error.ts'

/**
 * The value of a dag-cbor or dag-json block: objects, arrays, `Uint8Array` and `CID`. Throws
 * DAG_INVALID, and DAG_LIMIT for a block that is too large to be taken apart.
 */
export function decodeDocument(cid: CID, block: Uint8Array): unknown {
  checkBytes(cid, block)
  try {
    return cid.code === DAG_CBOR ? dagCbor.decode(block) : dagJson.decode(block)
  } catch (cause) {
    throw invalid(cid, cause)
  }
}

/** The links of such a block in the order they stand in. Throws as `decodeDocument`. */
export function documentLinks(cid: CID, block: Uint8Array): readonly CID[] {
  checkBytes(cid, block)
  try {
    return linksIn(cid, block)
  } catch (cause) {
    throw invalid(cid, cause)
  }
}

function checkBytes(cid: CID, block: Uint8Array): void {
  if (block.byteLength <= limits.maxConvertedBytes) return
  throw dagLimit(
    cid,
    `has ${block.byteLength} bytes; up to ${limits.maxConvertedBytes} are looked into`,
  )
}

function invalid(cid: CID, cause: unknown): Error {
  const format = cid.code === DAG_CBOR ? 'DAG-CBOR' : 'DAG-JSON'
  const why = cause instanceof Error ? `: ${cause.message.slice(0, 200)}` : ''
  const fault = dagInvalid(cid, `the block is not ${format}${why}`)
  fault.cause = cause
  return fault
}
