import { DAG_PB } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { BlockWriter } from './block-writer.ts'
import { nameHash } from './name-hash.ts'
import { DIRECTORY_DATA, encodeNode, linkBytes, type NewLink, nodeBytes } from './node-encoding.ts'
import { FLAT_FOLDER_BYTES, SHARD_FANOUT, SHARD_HASH } from './profile.ts'
import { prefixDigits } from './shard-slots.ts'

/** A stored node: the bytes of its CID, and of all its blocks. */
export type Written = { readonly cid: Uint8Array; readonly dagBytes: number }

/** Lets the caller wait for room and give others a turn; it goes on with the next block. */
export type Writing = Generator<void, Written, void>

/** Names hashed between two turns. */
const NAMES_A_TURN = 1000

/**
 * Writes one folder whose children are all written: one block, or a HAMT when that block would be
 * over the profile's 262,144 bytes, as Kubo decides it for `unixfs-v1-2025`. Throws DAG_LIMIT when
 * two names have the same hash.
 */
export function* writeFolder(writer: BlockWriter, links: readonly NewLink[]): Writing {
  const bytes = nodeBytes(
    DIRECTORY_DATA,
    links.reduce((sum, link) => sum + linkBytes(link), 0),
  )
  if (bytes > FLAT_FOLDER_BYTES) return yield* writeShard(writer, yield* hashed(links), 0)
  const sorted = links.toSorted((a, b) => Buffer.compare(a.name, b.name))
  return writeNode(writer, sorted, DIRECTORY_DATA)
}

type HashedLink = { readonly link: NewLink; readonly hash: Uint8Array }

function* hashed(links: readonly NewLink[]): Generator<void, HashedLink[], void> {
  const all: HashedLink[] = []
  for (const link of links) {
    all.push({ link, hash: nameHash(link.name) })
    if (all.length % NAMES_A_TURN === 0) yield
  }
  return all
}

/** One shard and all below it: names that share the bits of this level go one level down together. */
function* writeShard(writer: BlockWriter, entries: readonly HashedLink[], level: number): Writing {
  const places = Map.groupBy(entries, (entry) => slotOf(entry, level))
  const bitfield = new Uint8Array(SHARD_FANOUT / 8)
  const links: NewLink[] = []
  for (const [slot, together] of [...places].toSorted(([a], [b]) => a - b)) {
    const at = bitfield.length - 1 - (slot >> 3)
    bitfield[at] = (bitfield[at] ?? 0) | (1 << (slot & 7))
    const child = yield* childOf(writer, together, level + 1)
    links.push({ ...child, name: placed(slot, child.name) })
  }
  yield
  return writeNode(writer, links, shardData(bitfield))
}

/** The only entry of a place, or the shard that holds several; that has no name but its place. */
function* childOf(
  writer: BlockWriter,
  entries: readonly HashedLink[],
  level: number,
): Generator<void, NewLink, void> {
  const [only, another] = entries
  if (only !== undefined && another === undefined) return only.link
  return { ...(yield* writeShard(writer, entries, level)), name: NO_NAME }
}

const NO_NAME = new Uint8Array(0)

function slotOf({ link, hash }: HashedLink, level: number): number {
  const slot = hash[level]
  if (slot !== undefined) return slot
  const name = Buffer.from(link.name).toString()
  throw new PrsmError(
    'DAG_LIMIT',
    `the name ${JSON.stringify(name)} has the same hash as another of its folder`,
    {
      details: { name },
      hint: 'no IPFS folder can hold both: rename one',
    },
  )
}

function placed(slot: number, name: Uint8Array): Uint8Array {
  const prefix = slot.toString(16).toUpperCase().padStart(prefixDigits(SHARD_FANOUT), '0')
  return Buffer.concat([Buffer.from(prefix), name])
}

/** UnixFS `Data` of a shard: type 5, the bitfield without leading zero bytes, hash type and fanout. */
function shardData(bitfield: Uint8Array): Uint8Array {
  const bits = bitfield.subarray(bitfield.findIndex((byte) => byte !== 0))
  const fanout = [(SHARD_FANOUT % 0x80) + 0x80, SHARD_FANOUT / 0x80]
  return Uint8Array.of(0x08, 5, 0x12, bits.length, ...bits, 0x28, SHARD_HASH, 0x30, ...fanout)
}

function writeNode(writer: BlockWriter, links: readonly NewLink[], data: Uint8Array): Written {
  const block = encodeNode(links, data)
  const dagBytes = links.reduce((sum, link) => sum + link.dagBytes, block.byteLength)
  return { cid: writer.write(DAG_PB, block).bytes, dagBytes }
}
