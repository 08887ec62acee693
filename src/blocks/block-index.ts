import { ABSENT, type BlockRow, FILE, INLINE, type MetaKey } from '../db/block-rows.ts'
import type { Connection } from '../db/database.ts'
import { statement } from '../db/statement.ts'
import {
  count,
  dropDamaged,
  dropInline,
  fileBytesOf,
  findBlock,
  type Tally,
} from '../db/store-blocks.ts'
import type { DeadRow } from '../db/sweep-queries.ts'

const findEpoch = statement<[number], { epoch: number }>('SELECT epoch FROM block WHERE id = ?')
/** As it was found, and of an epoch below the floor. */
const AS_FOUND = 'id = ? AND epoch < ? AND place = ? AND directory IS ?'
type Found = [id: number, floor: number, place: number, directory: number | null]
const dropDead = statement<Found, never>(`DELETE FROM block WHERE ${AS_FOUND}`)
const makeDeadAbsent = statement<Found, never>(
  `UPDATE block SET place = ${ABSENT}, size = 0, directory = NULL, segments = NULL WHERE ${AS_FOUND}`,
)
const dropLost = statement<[], never>(
  `DELETE FROM damaged
   WHERE NOT EXISTS (SELECT 1 FROM block WHERE id = damaged.block AND place <> ${ABSENT})`,
)
const dropLinks = statement<[number], never>('DELETE FROM links WHERE parent = ?')
const makeAbsent = statement<[number], never>(
  `UPDATE block SET place = ${ABSENT}, size = 0, directory = NULL, segments = NULL WHERE id = ?`,
)
const findLinks = statement<[number, number], { children: Uint8Array }>(
  'SELECT children FROM links WHERE parent = ? AND codec = ?',
)
const markDamaged = statement<[number, number], never>(
  'INSERT OR IGNORE INTO damaged (block, found_at) VALUES (?, ?)',
)
const isDamaged = statement<[number], { block: number }>(
  'SELECT block FROM damaged WHERE block = ?',
)
const readMeta = statement<[string], { value: number }>('SELECT value FROM meta WHERE key = ?')
/** In one look: a thread may commit between two. */
const readTotals = statement<[], Tally>(
  `SELECT sum(value) FILTER (WHERE key = 'blocks') AS blocks,
     sum(value) FILTER (WHERE key = 'bytes') AS bytes,
     sum(value) FILTER (WHERE key = 'file_bytes') AS fileBytes
   FROM meta`,
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
  find: (db: Connection, multihash: Uint8Array) => findBlock.get(db, multihash),
  hasLinks: (db: Connection, id: number, codec: number) =>
    findLinks.get(db, id, codec) !== undefined,
  links: (db: Connection, id: number, codec: number) => findLinks.get(db, id, codec)?.children,
  isDamaged: (db: Connection, id: number) => isDamaged.get(db, id) !== undefined,
  state: (db: Connection, id: number) => findState.get(db, id),
  multihash: (db: Connection, id: number) => findMultihash.get(db, id)?.multihash,
  meta: (db: Connection, key: MetaKey) => readMeta.get(db, key)?.value ?? 0,
  totals: (db: Connection): Tally => readTotals.get(db) ?? { blocks: 0, bytes: 0, fileBytes: 0 },
  /** The directory filled last and how many files rows name there; directory 0 of an empty store. */
  lastDirectory: (db: Connection) => {
    const row = lastDirectory.get(db)
    return { directory: row?.directory ?? 0, count: row?.count ?? 0 }
  },
  /** Stored blocks by id, after `after`. */
  page: (db: Connection, after: number, limit: number) => page.all(db, after, limit),
} as const

export function recordDamage(db: Connection, id: number): void {
  markDamaged.run(db, id, Date.now())
}

/** Takes a block out of the index; its row stays, for the links that name it. */
export function removeBlock(db: Connection, row: BlockRow): void {
  makeAbsent.run(db, row.id)
  dropInline.run(db, row.id)
  dropDamaged.run(db, row.id)
  const fileBytes = row.place === FILE ? -fileBytesOf(row.size) : 0
  count(db, { blocks: -1, bytes: -row.size, fileBytes })
}

/** What a collection found dead: blocks of epochs below `floor`. Of those in `named` the row stays, for the links that name it. */
export type Dead = { readonly floor: number; readonly named: { has(id: number): boolean } }

/**
 * Takes away a block that a collection found dead, unless it was put or named again since. Its links
 * went before.
 */
export function removeDead(db: Connection, row: DeadRow, { floor, named }: Dead): boolean {
  const { id, place, directory } = row
  const stays = named.has(id)
  if (stays && place === ABSENT) return false
  const { changes } = (stays ? makeDeadAbsent : dropDead).run(db, id, floor, place, directory)
  if (changes === 0) return false
  if (place === INLINE) dropInline.run(db, id)
  if (stays) dropDamaged.run(db, id)
  return true
}

/** Forgets damage of blocks that are gone. */
export function dropLostDamage(db: Connection): void {
  dropLost.run(db)
}

/** Forgets what a dead block names; it has to be read again for that, should it live after all. */
export function dropDeadLinks(db: Connection, id: number, floor: number): void {
  const now = findEpoch.get(db, id)
  if (now !== undefined && now.epoch < floor) dropLinks.run(db, id)
}
