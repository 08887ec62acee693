import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import { limits } from '../core/limits.ts'
import { dagInvalid, dagLimit } from '../unixfs/dag-error.ts'
import { cborLinks } from './traverse-cbor.ts'

/** Multicodec codes of the formats whose values have links. */
export const DAG_CBOR = 0x71
export const DAG_JSON = 0x0129

/** True for a block that is a value of the IPLD data model: dag-cbor or dag-json. */
export function isDocument(cid: CID): boolean {
  return cid.code === DAG_CBOR || cid.code === DAG_JSON
}

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
    return cid.code === DAG_CBOR ? cborLinks(block) : jsonLinks(block)
  } catch (cause) {
    throw invalid(cid, cause)
  }
}

/** A map of one key `/` with a text. In a string its quotes would be escaped: there is no other place for it. */
const JSON_LINK = /\{\s*"(?:\/|\\\/|\\u002[fF])"\s*:\s*"([^"\\]*)"\s*\}/g

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The order of the text: objects would bring keys that look like numbers to the front. */
function jsonLinks(block: Uint8Array): readonly CID[] {
  const text = utf8.decode(block)
  JSON.parse(text)
  return Array.from(text.matchAll(JSON_LINK), ([, link = '']) => CID.parse(link))
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
