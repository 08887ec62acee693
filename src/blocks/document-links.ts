import { CID } from 'multiformats/cid'
import { cborLinks } from './cbor-links.ts'

/** Multicodec codes of the formats whose values have links. */
export const DAG_CBOR = 0x71
export const DAG_JSON = 0x0129

/** True for a block that is a value of the IPLD data model: dag-cbor or dag-json. */
export function isDocument(cid: CID): boolean {
  return cid.code === DAG_CBOR || cid.code === DAG_JSON
}

/** The links of a dag-cbor or dag-json block in the order they stand in. Throws what its parser does. */
export function documentLinks(cid: CID, block: Uint8Array): readonly CID[] {
  return cid.code === DAG_CBOR ? cborLinks(block) : jsonLinks(block)
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
