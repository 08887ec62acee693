import type { CID } from 'multiformats/cid'
import { type LinkSpan, Links } from './links.ts'
import { BYTES, ProtobufReader, VARINT } from './protobuf.ts'

export type PbNode = { readonly data: Uint8Array | undefined; readonly links: Links }

/**
 * Decodes a dag-pb block as strictly as the spec (ipld.io/specs/codecs/dag-pb/spec): no unknown
 * field, no repeated one, none out of order. Ours and not @ipld/dag-pb's because that drops a byte
 * order mark from names and decodes every CID of a folder to find one. Throws DAG_INVALID.
 */
export function decodeDagPb(cid: CID, block: Uint8Array): PbNode {
  const reader = new ProtobufReader(cid, block)
  const spans: LinkSpan[] = []
  let data: Uint8Array | undefined
  let linksBeforeData = false
  while (reader.more) {
    const tag = reader.varint()
    if (tag === tagOf(1, BYTES) && data === undefined) {
      const { start, end } = reader.span()
      data = block.subarray(start, end)
      linksBeforeData = spans.length > 0
    } else if (tag === tagOf(2, BYTES) && !linksBeforeData) {
      spans.push(decodeLink(reader.within(reader.span())))
    } else throw reader.fault('is not dag-pb')
  }
  return { data, links: new Links(cid, block, spans) }
}

function tagOf(field: number, wireType: number): number {
  return field * 8 + wireType
}

function decodeLink(reader: ProtobufReader): LinkSpan {
  if (!reader.more || reader.varint() !== tagOf(1, BYTES))
    throw reader.fault('has a link to nothing')
  const hash = reader.span()
  let name = { start: hash.end, end: hash.end }
  let dagBytes: number | undefined
  let last = 1
  while (reader.more) {
    const tag = reader.varint()
    if (tag === tagOf(2, BYTES) && last === 1) name = reader.span()
    else if (tag === tagOf(3, VARINT) && last < 3) dagBytes = reader.varint()
    else throw reader.fault('has a link that is not dag-pb')
    last = tag >> 3
  }
  return { hash: hash.start, hashEnd: hash.end, name: name.start, nameEnd: name.end, dagBytes }
}
