/** A link to write: `name` in UTF-8, `cid` as bytes, `dagBytes` as its Tsize. */
export type NewLink = {
  readonly name: Uint8Array
  readonly cid: Uint8Array
  readonly dagBytes: number
}

/** The UnixFS `Data` of a flat folder: its type, 1, and nothing else. */
export const DIRECTORY_DATA: Uint8Array = Uint8Array.of(0x08, 0x01)

const LINKS_TAG = 0x12
const DATA_TAG = 0x0a
const HASH_TAG = 0x0a
const NAME_TAG = 0x12
const TSIZE_TAG = 0x18

/** Bytes a link takes in the block of its node. */
export function linkBytes(link: NewLink): number {
  return lengthDelimited(linkBodyBytes(link))
}

/** Bytes of a node's block, given the sum of its `linkBytes`. */
export function nodeBytes(data: Uint8Array, allLinkBytes: number): number {
  return allLinkBytes + lengthDelimited(data.byteLength)
}

/**
 * A dag-pb block (ipld.io/specs/codecs/dag-pb/spec): links in the order given, which has to be that
 * of their names' bytes, then data. Ours because @ipld/dag-pb encodes each name a dozen times over.
 */
export function encodeNode(links: readonly NewLink[], data: Uint8Array): Uint8Array {
  const bodies = links.map(linkBodyBytes)
  const bytes = nodeBytes(
    data,
    bodies.reduce((sum, body) => sum + lengthDelimited(body), 0),
  )
  const block = new BlockBuffer(bytes)
  for (const [index, link] of links.entries()) {
    block.tag(LINKS_TAG, bodies[index] ?? 0)
    block.field(HASH_TAG, link.cid)
    block.field(NAME_TAG, link.name)
    block.tag(TSIZE_TAG, link.dagBytes)
  }
  block.field(DATA_TAG, data)
  return block.bytes
}

function linkBodyBytes({ name, cid, dagBytes }: NewLink): number {
  return (
    lengthDelimited(cid.byteLength) + lengthDelimited(name.byteLength) + 1 + varintBytes(dagBytes)
  )
}

/** Tag (always one byte here), length and content. */
function lengthDelimited(bytes: number): number {
  return 1 + varintBytes(bytes) + bytes
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

class BlockBuffer {
  readonly bytes: Uint8Array
  #at = 0

  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytes)
  }

  /** A tag with a number: the value of a varint field, or the length of what follows. */
  tag(tag: number, value: number): void {
    this.bytes[this.#at++] = tag
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80))
      this.bytes[this.#at++] = (rest % 0x80) + 0x80
    this.bytes[this.#at++] = rest
  }

  field(tag: number, content: Uint8Array): void {
    this.tag(tag, content.byteLength)
    this.bytes.set(content, this.#at)
    this.#at += content.byteLength
  }
}
