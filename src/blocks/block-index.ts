import type { CID } from 'multiformats/cid'
import type { Connection } from '../db/database.ts'
import { statement } from '../db/statement.ts'
import { packLinks } from './links.ts'

/** Where a block is: only named by a link, in `blocks.db`, or in a file of its own. */
export const ABSENT = 0
export const INLINE = 1
export const FILE = 2

/** A row of the block index. `directory` and `segments` belong to file blocks. */
export type BlockRow = {
  readonly id: number
  readonly place: number
  readonly size: number
  readonly epoch: number
  readonly directory: number | null
  readonly segments: Uint8Array | null
}

/** What a commit stores of one block: the block itself unless it is there already, and its links by codec. */
export type BlockWrite = {
  readonly multihash: Uint8Array
  readonly content:
    | { readonly place: typeof INLINE; readonly bytes: Uint8Array }
    | {
        readonly place: typeof FILE
        readonly size: number
        readonly directory: number
        readonly segments: Uint8Array
      }
    | { readonly place: 'stored' }
  readonly links: ReadonlyMap<number, readonly CID[]>
}

const find = statement<[Uint8Array], BlockRow>(
  'SELECT id, place, size, epoch, directory, segments FROM block WHERE multihash = ?',
)
const findId = statement<[Uint8Array], { id: number }>('SELECT id FROM block WHERE multihash = ?')
const readInline = statement<[number], { bytes: Uint8Array }>(
  'SELECT bytes FROM inline WHERE id = ?',
)
const store = statement<
  [Uint8Array, number, number, number, number | null, Uint8Array | null],
  { id: number }
>(
  `INSERT INTO block (multihash, place, size, epoch, directory, segments) VALUES (?, ?, ?, ?, ?, ?)
   ON CONFLICT (multihash) DO UPDATE SET place = excluded.place, size = excluded.size,
     epoch = excluded.epoch, directory = excluded.directory, segments = excluded.segments
   RETURNING id`,
)
const nameAbsent = statement<[Uint8Array, number], { id: number }>(
  `INSERT INTO block (multihash, place, size, epoch) VALUES (?, ${ABSENT}, 0, ?) RETURNING id`,
)
const touch = statement<[number, number], never>('UPDATE block SET epoch = ? WHERE id = ?')
const storeInline = statement<[number, Uint8Array], never>(
  'INSERT OR REPLACE INTO inline (id, bytes) VALUES (?, ?)',
)
const makeAbsent = statement<[number], never>(
  `UPDATE block SET place = ${ABSENT}, size = 0, directory = NULL, segments = NULL WHERE id = ?`,
)
const dropInline = statement<[number], never>('DELETE FROM inline WHERE id = ?')
const storeLinks = statement<[number, number, Uint8Array], never>(
  'INSERT OR REPLACE INTO links (parent, codec, children) VALUES (?, ?, ?)',
)
const findLinks = statement<[number, number], { children: Uint8Array }>(
  'SELECT children FROM links WHERE parent = ? AND codec = ?',
)
const markDamaged = statement<[number, number], never>(
  'INSERT OR IGNORE INTO damaged (block, found_at) VALUES (?, ?)',
)
const dropDamaged = statement<[number], never>('DELETE FROM damaged WHERE block = ?')
const isDamaged = statement<[number], { block: number }>(
  'SELECT block FROM damaged WHERE block = ?',
)
const readMeta = statement<[string], { value: number }>('SELECT value FROM meta WHERE key = ?')
const writeMeta = statement<[number, string], never>('UPDATE meta SET value = ? WHERE key = ?')
const addMeta = statement<[number, string], never>(
  'UPDATE meta SET value = value + ? WHERE key = ?',
)
const lastDirectory = statement<[], { directory: number | null; count: number }>(
  `SELECT max(directory) AS directory,
     (SELECT count(*) FROM block WHERE directory = (SELECT max(directory) FROM block)) AS count
   FROM block`,
)
const findState = statement<[number], { place: number; damaged: 0 | 1 }>(
  'SELECT place, EXISTS (SELECT 1 FROM damaged WHERE block = id) AS damaged FROM block WHERE id = ?',
)
const findMultihash = statement<[number], { multihash: Uint8Array }>(
  'SELECT multihash FROM block WHERE id = ?',
)
const page = statement<[number, number], { id: number; multihash: Uint8Array }>(
  `SELECT id, multihash FROM block WHERE id > ? AND place <> ${ABSENT} ORDER BY id LIMIT ?`,
)

export const blockIndex = {
  find: (db: Connection, multihash: Uint8Array) => find.get(db, multihash),
  inlineBytes: (db: Connection, id: number) => readInline.get(db, id)?.bytes,
  hasLinks: (db: Connection, id: number, codec: number) =>
    findLinks.get(db, id, codec) !== undefined,
  links: (db: Connection, id: number, codec: number) => findLinks.get(db, id, codec)?.children,
  isDamaged: (db: Connection, id: number) => isDamaged.get(db, id) !== undefined,
  state: (db: Connection, id: number) => findState.get(db, id),
  multihash: (db: Connection, id: number) => findMultihash.get(db, id)?.multihash,
  meta: (db: Connection, key: MetaKey) => readMeta.get(db, key)?.value ?? 0,
  /** The directory filled last and how many files rows name there; directory 0 of an empty store. */
  lastDirectory: (db: Connection) => {
    const row = lastDirectory.get(db)
    return { directory: row?.directory ?? 0, count: row?.count ?? 0 }
  },
  /** Stored blocks by id, after `after`. */
  page: (db: Connection, after: number, limit: number) => page.all(db, after, limit),
} as const

export type MetaKey = 'epoch' | 'unclean_directory' | 'blocks' | 'bytes'

export function setMeta(db: Connection, key: MetaKey, value: number): void {
  writeMeta.run(db, value, key)
}

export function recordDamage(db: Connection, id: number): void {
  markDamaged.run(db, id, Date.now())
}

/** Stores the rows of one block in the running transaction. */
export function commitBlock(db: Connection, write: BlockWrite, epoch: number): void {
  const id = commitContent(db, write, epoch)
  for (const [codec, links] of write.links) {
    const stored = links.map((link) => ({ child: idOf(db, link, epoch), codec: link.code }))
    storeLinks.run(db, id, codec, packLinks(stored))
  }
}

function commitContent(db: Connection, { multihash, content }: BlockWrite, epoch: number): number {
  const before = find.get(db, multihash)
  if (content.place === 'stored') {
    if (before === undefined) throw new Error('a stored block has no row')
    touch.run(db, epoch, before.id)
    return before.id
  }
  const { place, size, directory, segments } =
    content.place === FILE
      ? content
      : { place: INLINE, size: content.bytes.byteLength, directory: null, segments: null }
  const row = store.get(db, multihash, place, size, epoch, directory, segments)
  if (row === undefined) throw new Error('INSERT … RETURNING gave no row')
  if (content.place === INLINE) storeInline.run(db, row.id, content.bytes)
  if (before === undefined || before.place === ABSENT) count(db, size)
  else replaced(db, before, place)
  return row.id
}

function count(db: Connection, size: number): void {
  addMeta.run(db, 1, 'blocks')
  addMeta.run(db, size, 'bytes')
}

/** A block that stood there damaged has been written anew. */
function replaced(db: Connection, before: BlockRow, place: number): void {
  if (before.place === INLINE && place === FILE) dropInline.run(db, before.id)
  dropDamaged.run(db, before.id)
}

/** Takes a block out of the index; its row stays, for the links that name it. */
export function removeBlock(db: Connection, row: BlockRow): void {
  makeAbsent.run(db, row.id)
  dropInline.run(db, row.id)
  dropDamaged.run(db, row.id)
  addMeta.run(db, -1, 'blocks')
  addMeta.run(db, -row.size, 'bytes')
}

function idOf(db: Connection, cid: CID, epoch: number): number {
  const multihash = cid.multihash.bytes
  const row = findId.get(db, multihash) ?? nameAbsent.get(db, multihash, epoch)
  if (row === undefined) throw new Error('INSERT … RETURNING gave no row')
  return row.id
}
