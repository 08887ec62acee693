import type { CID } from 'multiformats/cid'
import { Links, type LinkTable } from './links.ts'
import { BYTES, ProtobufReader, VARINT } from './protobuf.ts'

/** Version, codec, hash code and length of a CID that carries no bytes. */
const MIN_CID_BYTES = 4

export type PbNode = { readonly data: Uint8Array | undefined; readonly links: Links }

/**
 * Decodes a dag-pb block as strictly as the spec (ipld.io/specs/codecs/dag-pb/spec): no unknown
 * field, no repeated one, none out of order. Ours and not @ipld/dag-pb's because that drops a byte
 * order mark from names and decodes every CID of a folder to find one. Throws DAG_INVALID.
 */
export function decodeDagPb(cid: CID, block: Uint8Array): PbNode {
  const reader = new ProtobufReader(cid, block)
  const table: LinkTable = { spans: [], dagBytes: [] }
  let data: Uint8Array | undefined
  let linksBeforeData = false
  while (reader.more) {
    const tag = reader.varint()
    if (tag === tagOf(1, BYTES) && data === undefined) {
      const { start, end } = reader.span()
      data = block.subarray(start, end)
      linksBeforeData = table.dagBytes.length > 0
    } else if (tag === tagOf(2, BYTES) && !linksBeforeData) {
      readLink(reader.within(reader.span()), table)
    } else throw reader.fault('is not dag-pb')
  }
  return { data, links: new Links(cid, block, table) }
}

function tagOf(field: number, wireType: number): number {
  return field * 8 + wireType
}

function readLink(reader: ProtobufReader, { spans, dagBytes }: LinkTable): void {
  if (!reader.more || reader.varint() !== tagOf(1, BYTES))
    throw reader.fault('has a link to nothing')
  const hash = reader.span()
  if (hash.end - hash.start < MIN_CID_BYTES) throw reader.fault('has a link to nothing')
  let name = { start: hash.end, end: hash.end }
  let claimed = Number.NaN
  let last = 1
  while (reader.more) {
    const tag = reader.varint()
    if (tag === tagOf(2, BYTES) && last === 1) name = reader.span()
    else if (tag === tagOf(3, VARINT) && last < 3) claimed = reader.varint()
    else throw reader.fault('has a link that is not dag-pb')
    last = tag >> 3
  }
  spans.push(hash.start, hash.end, name.start, name.end)
  dagBytes.push(claimed)
}
