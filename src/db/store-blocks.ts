import {
  ABSENT,
  type BlockRow,
  type BlockWrite,
  FILE,
  INLINE,
  type Link,
  type MetaKey,
} from './block-rows.ts'
import type { Connection } from './connection.ts'
import { type KnownIds, keyOfMultihash } from './known-ids.ts'
import { packLinks } from './packed-links.ts'
import { statement } from './statement.ts'

export const findBlock = statement<[Uint8Array], BlockRow>(
  'SELECT id, place, size, epoch, directory, segments FROM block WHERE multihash = ?',
)
const findNamed = statement<[Uint8Array], { id: number; epoch: number }>(
  'SELECT id, epoch FROM block WHERE multihash = ?',
)
type Stored = [
  place: number,
  size: number,
  epoch: number,
  directory: number | null,
  segments: Uint8Array | null,
]
/** Changes nothing where the block has a row: most have none, and looking first would cost as much again. */
const storeNew = statement<[Uint8Array, ...Stored], never>(
  `INSERT INTO block (multihash, place, size, epoch, directory, segments) VALUES (?, ?, ?, ?, ?, ?)
   ON CONFLICT (multihash) DO NOTHING`,
)
const storeAgain = statement<[...Stored, number], never>(
  'UPDATE block SET place = ?, size = ?, epoch = ?, directory = ?, segments = ? WHERE id = ?',
)
const nameAbsent = statement<[Uint8Array, number], never>(
  `INSERT INTO block (multihash, place, size, epoch) VALUES (?, ${ABSENT}, 0, ?)`,
)
const touch = statement<[number, number], never>('UPDATE block SET epoch = ? WHERE id = ?')
const storeInline = statement<[number, Uint8Array], never>(
  'INSERT OR REPLACE INTO inline (id, bytes) VALUES (?, ?)',
)
const storeLinks = statement<[number, number, Uint8Array], never>(
  'INSERT OR REPLACE INTO links (parent, codec, children) VALUES (?, ?, ?)',
)
export const dropInline = statement<[number], never>('DELETE FROM inline WHERE id = ?')
export const dropDamaged = statement<[number], never>('DELETE FROM damaged WHERE block = ?')
const writeMeta = statement<[number, string], never>('UPDATE meta SET value = ? WHERE key = ?')
const addMeta = statement<[number, string], never>(
  'UPDATE meta SET value = value + ? WHERE key = ?',
)

export function setMeta(db: Connection, key: MetaKey, value: number): void {
  writeMeta.run(db, value, key)
}

/** A batch of blocks that is being committed: of which epoch, and the ids that are known without a look. */
export type Commit = { readonly epoch: number; readonly ids: KnownIds }

/** Stores blocks, with what they name, in the running transaction. */
export function storeBlocks(db: Connection, writes: Iterable<BlockWrite>, commit: Commit): void {
  let tally: Tally = NOTHING
  for (const write of writes) {
    const { id, added } = commitContent(db, write, commit.epoch)
    commit.ids.add(keyOfMultihash(write.multihash), id)
    if (added !== NOTHING) tally = plus(tally, added)
    for (const [codec, links] of write.links) {
      const stored = links.map((link) => ({ child: idOf(db, link, commit), codec: link.code }))
      storeLinks.run(db, id, codec, packLinks(stored))
    }
  }
  count(db, tally)
}

type Committed = { readonly id: number; readonly added: Tally }

function commitContent(
  db: Connection,
  { multihash, content }: BlockWrite,
  epoch: number,
): Committed {
  if (content.place === 'stored') {
    const row = findNamed.get(db, multihash)
    if (row === undefined) throw new Error('a stored block has no row')
    touch.run(db, epoch, row.id)
    return { id: row.id, added: NOTHING }
  }
  const { place, size, directory, segments } =
    content.place === FILE
      ? content
      : { place: INLINE, size: content.bytes.byteLength, directory: null, segments: null }
  const stored: Stored = [place, size, epoch, directory, segments]
  const { changes, lastInsertRowid } = storeNew.run(db, multihash, ...stored)
  const isNew = changes === 1
  const { id, added } = isNew
    ? { id: Number(lastInsertRowid), added: tallyOf(place, size) }
    : commitAgain(db, multihash, stored)
  if (content.place === INLINE) storeInline.run(db, id, content.bytes)
  return { id, added }
}

/** The same of a block that has a row: it was only named by a link, or stood there damaged. */
function commitAgain(db: Connection, multihash: Uint8Array, stored: Stored): Committed {
  const before = findBlock.get(db, multihash)
  if (before === undefined) throw new Error('a block that could not be inserted has no row')
  storeAgain.run(db, ...stored, before.id)
  const [place, size] = stored
  dropDamaged.run(db, before.id)
  const isAbsent = before.place === ABSENT
  return { id: before.id, added: isAbsent ? tallyOf(place, size) : replaced(db, before, place) }
}

/** Blocks, their bytes, and the bytes their files take on the disk. */
export type Tally = { readonly blocks: number; readonly bytes: number; readonly fileBytes: number }

const NOTHING: Tally = { blocks: 0, bytes: 0, fileBytes: 0 }

function tallyOf(place: number, size: number): Tally {
  return { blocks: 1, bytes: size, fileBytes: place === FILE ? fileBytesOf(size) : 0 }
}

function plus(a: Tally, b: Tally): Tally {
  return {
    blocks: a.blocks + b.blocks,
    bytes: a.bytes + b.bytes,
    fileBytes: a.fileBytes + b.fileBytes,
  }
}

/** Bytes a file takes on the disk come in steps of this. */
const DISK_BLOCK = 4096

/** What a block's file takes on the disk. */
export function fileBytesOf(size: number): number {
  return Math.ceil(size / DISK_BLOCK) * DISK_BLOCK
}

/** Adds to the totals of the store, or takes away. */
export function count(db: Connection, { blocks, bytes, fileBytes }: Tally): void {
  if (blocks !== 0) addMeta.run(db, blocks, 'blocks')
  if (bytes !== 0) addMeta.run(db, bytes, 'bytes')
  if (fileBytes !== 0) addMeta.run(db, fileBytes, 'file_bytes')
}

/** A block that stood there damaged has been written anew: what that adds. */
function replaced(db: Connection, before: BlockRow, place: number): Tally {
  if (before.place === INLINE && place === FILE) dropInline.run(db, before.id)
  const isFile = Number(place === FILE)
  const wasFile = Number(before.place === FILE)
  const fileBytes = (isFile - wasFile) * fileBytesOf(before.size)
  return { blocks: 0, bytes: 0, fileBytes }
}

/** The row of a block that a link names, of this epoch from now on: no collection that runs takes it. */
function idOf(db: Connection, { multihash }: Link, { epoch, ids }: Commit): number {
  const key = keyOfMultihash(multihash.bytes)
  const id = ids.find(key) ?? rowOf(db, multihash.bytes, epoch)
  ids.add(key, id)
  return id
}

function rowOf(db: Connection, multihash: Uint8Array, epoch: number): number {
  const known = findNamed.get(db, multihash)
  if (known === undefined) return Number(nameAbsent.run(db, multihash, epoch).lastInsertRowid)
  if (known.epoch < epoch) touch.run(db, epoch, known.id)
  return known.id
}
