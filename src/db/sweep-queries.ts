import { CID } from 'multiformats/cid'
import type { Connection } from './connection.ts'
import { KeyBits } from './key-bits.ts'
import { keyOfMultihash } from './known-ids.ts'
import { Marker, type MarkRoot, type Unlinked } from './marker.ts'
import { unpackLinks } from './packed-links.ts'
import { SharedIds } from './shared-ids.ts'
import { statement } from './statement.ts'

/** Milliseconds one query takes of its thread: a checkpoint may be waiting behind it. */
const SLICE_MS = 10
/** Rows looked at between two looks at the clock. */
const ROWS = 2_000

/** A block that nothing marked, as its row is. */
export type DeadRow = {
  readonly id: number
  /** Its multihash as latin1 text: as bytes a million of them would be a million pieces of memory. */
  readonly key: string
  readonly place: number
  readonly size: number
  readonly directory: number | null
}

/** A page of something that is gone through by id: the next one begins after `after`; undefined: that was the last. */
export type IdPage<T> = { readonly rows: readonly T[]; readonly after: number | undefined }

type RootRow = { cid: string; mode: string }

const rootPage = statement<[string, number], RootRow>(
  'SELECT cid, max(mode) AS mode FROM root WHERE cid > ? GROUP BY cid ORDER BY cid LIMIT ?',
)
const maxId = statement<[], { id: number | null }>('SELECT max(id) AS id FROM block')
type StoredRow = Omit<DeadRow, 'key'> & { readonly multihash: Uint8Array; readonly epoch: number }
const page = statement<[number, number], StoredRow>(
  'SELECT id, multihash, place, size, directory, epoch FROM block WHERE id > ? ORDER BY id LIMIT ?',
)
const keyPage = statement<[number, number], { id: number; multihash: Uint8Array }>(
  'SELECT id, multihash FROM block WHERE id > ? ORDER BY id LIMIT ?',
)
const parentPage = statement<[number, number], { id: number; epoch: number }>(
  `SELECT DISTINCT parent AS id, epoch FROM links JOIN block ON block.id = parent
   WHERE parent > ? ORDER BY parent LIMIT ?`,
)
const linksPage = statement<
  [number, number, number],
  { parent: number; codec: number; children: Uint8Array }
>(
  `SELECT parent, codec, children FROM links WHERE (parent, codec) > (?, ?)
   ORDER BY parent, codec LIMIT ?`,
)

/** Of each database the marking that goes on: a collection begins a new one. */
const markers = new WeakMap<Connection, Marker>()

type Live = { readonly live: SharedArrayBuffer }
type Dead = Live & { readonly after: number; readonly floor: number }

const totals = statement<[number], BookTotals>(
  `SELECT count(*) AS uploads, coalesce(sum(bytes), 0) AS bytes,
     (SELECT count(*) FROM root
      WHERE reason = 'pin' AND (expires_at IS NULL OR expires_at > ?)) AS pins
   FROM upload`,
)

/** Of all owners. `bytes` of the uploads together; pins in force. */
export type BookTotals = {
  readonly uploads: number
  readonly bytes: number
  readonly pins: number
}

/** The questions of a collection, and those that go through whole tables, asked of a connection that only reads: on the worker's thread where there is one. */
export const sweepQueries = {
  /** Of the book, at the time `now` in milliseconds. */
  totals(db: Connection, { now }: { readonly now: number }): BookTotals {
    return totals.get(db, now) ?? { uploads: 0, bytes: 0, pins: 0 }
  },

  /** One more than the highest id of a block. */
  idBound: (db: Connection, _input: null): number => (maxId.get(db)?.id ?? 0) + 1,

  /**
   * Roots of the book after `after`, in the order of their texts. `carried` are those that are in
   * their CIDs: whoever knows codecs reads their links.
   */
  roots(db: Connection, { after }: { readonly after: string }) {
    const rows = rootPage.all(db, after, ROWS)
    const parsed = rows.map(({ cid, mode }) => ({ cid: CID.parse(cid), direct: mode === 'direct' }))
    const roots: MarkRoot[] = parsed
      .filter(({ cid }) => cid.multihash.code !== 0)
      .map(({ cid, direct }) => ({ multihash: cid.multihash.bytes, codec: cid.code, direct }))
    const carried = parsed
      .filter(({ cid, direct }) => cid.multihash.code === 0 && !direct)
      .map(({ cid }) => cid.toString())
    return { roots, carried, after: rows.length < ROWS ? undefined : rows.at(-1)?.cid }
  },

  /** Begins a marking. */
  beginMark(db: Connection, { live }: Live): void {
    markers.set(db, new Marker(db, live))
  },

  /** Adds roots and marks on for a while; ask until `done`. */
  mark(
    db: Connection,
    { roots }: { readonly roots: readonly MarkRoot[] },
  ): { readonly done: boolean; readonly unlinked: readonly Unlinked[] } {
    const marker = markers.get(db)
    if (marker === undefined) throw new Error('no marking has begun')
    for (const root of roots) marker.add(root)
    const done = marker.step(performance.now() + SLICE_MS)
    return { done, unlinked: marker.takeUnlinked() }
  },

  endMark(db: Connection, _input: null): void {
    markers.delete(db)
  },

  /** Blocks with links that nothing marked, of epochs below `floor`. */
  deadParents(db: Connection, input: Dead): IdPage<number> {
    const { rows, after } = scan(parentPage, db, input)
    return { rows: rows.map(({ id }) => id), after }
  },

  /** Adds to `named` what is named by links of blocks that nothing marked: the others are marked with all they name. */
  named(
    db: Connection,
    { live, named, after }: Live & Named,
  ): { readonly after: Named['after'] | undefined } {
    const marked = new SharedIds(live)
    const names = new SharedIds(named)
    const rows = linksPage.all(db, ...after, ROWS)
    for (const { parent, children } of rows) {
      if (!marked.has(parent)) for (const { child } of unpackLinks(children)) names.add(child)
    }
    const last = rows.at(-1)
    return {
      after: last === undefined || rows.length < ROWS ? undefined : [last.parent, last.codec],
    }
  },

  /** Blocks that nothing marked, of epochs below `floor`: those that are stored, and rows that only links name. */
  dead(db: Connection, input: Dead): IdPage<DeadRow> {
    const { rows, after } = scan(page, db, input)
    return { rows: rows.map(toDead), after }
  },

  /** Adds the keys of all rows after `after` to `keys`, the memory of a `KeyBits`, for a while; ask until `after` is undefined. */
  fillKeys(
    db: Connection,
    { keys, ...from }: { readonly keys: SharedArrayBuffer; readonly after: number },
  ): { readonly after: number | undefined } {
    const bits = new KeyBits(keys)
    const until = performance.now() + SLICE_MS
    let after = from.after
    while (performance.now() < until) {
      const rows = keyPage.all(db, after, ROWS)
      for (const { multihash } of rows) bits.addBeside(keyOfMultihash(multihash))
      if (rows.length < ROWS) return { after: undefined }
      after = rows.at(-1)?.id ?? after
    }
    return { after }
  },
} as const

type Named = { readonly named: SharedArrayBuffer; readonly after: readonly [number, number] }

function toDead({ id, multihash, place, size, directory }: StoredRow): DeadRow {
  return { id, key: keyOfMultihash(multihash), place, size, directory }
}

type Scanned = { readonly id: number; readonly epoch: number }

/** Rows of a page that nothing marked, below the floor. Stops after a while, or with enough of them. */
function scan<Row extends Scanned>(
  statement: { all(db: Connection, after: number, limit: number): Row[] },
  db: Connection,
  { live, floor, ...from }: Dead,
): IdPage<Row> {
  const marked = new SharedIds(live)
  const until = performance.now() + SLICE_MS
  const dead: Row[] = []
  let after = from.after
  while (dead.length < ROWS && performance.now() < until) {
    const rows = statement.all(db, after, ROWS)
    for (const row of rows) if (row.epoch < floor && !marked.has(row.id)) dead.push(row)
    if (rows.length < ROWS) return { rows: dead, after: undefined }
    after = rows.at(-1)?.id ?? after
  }
  return { rows: dead, after }
}

export type SweepQueries = typeof sweepQueries
export type SweepQuery = keyof SweepQueries
export type SweepInput<Name extends SweepQuery> = Parameters<SweepQueries[Name]>[1]
export type SweepOutput<Name extends SweepQuery> = ReturnType<SweepQueries[Name]>
