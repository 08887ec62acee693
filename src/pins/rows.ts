import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import type { Caller } from '../core/caller.ts'
import { DAG_PB, parseCid, RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import { pageRows } from '../core/page.ts'
import type { Pin, PinFilter, PinMode, PinPage, PinPageOptions } from '../core/pins.ts'
import { type Book, type BookOrm, bookWriter, readBook } from '../db/book.ts'
import type { Connection } from '../db/database.ts'
import { and, asc, eq, gt, inArray, isNull, lte, or, sql } from '../db/drizzle.ts'
import { root } from '../db/schema/book.ts'
import type { CheckedDetails } from './details.ts'

/** What roots an owner keeps are called in the book. */
const PIN = 'pin'

type Row = typeof root.$inferSelect

/** A pin as it is asked for. */
export type NewPin = CheckedDetails & { readonly cid: CID; readonly mode: PinMode }

/** A page of the caller's pins, in the order of their CIDs. Throws INVALID_INPUT, INVALID_CID. */
export function listPins(book: Book, options: PinPageOptions, caller: Caller): PinPage {
  const limit = pageRows(options.limit, 'after')
  const rows = readBook(book, (orm) =>
    orm
      .select()
      .from(root)
      .where(and(inForce(caller), matching(options), gt(root.cid, options.after ?? '')))
      .orderBy(asc(root.cid))
      .limit(limit + 1)
      .all(),
  )
  const pins = rows.slice(0, limit).map(toPin)
  const last = pins.at(-1)
  return rows.length > limit && last !== undefined ? { pins, next: last.cid } : { pins }
}

/** The caller's pin of this CID, in any version of it. */
export function findPin(book: Book, cid: CID, caller: Caller): Pin | undefined {
  const row = readBook(book, (orm) => findRow(orm, cid, caller))
  return row && toPin(row)
}

/** Pins `cid`, or changes the pin there is: one write, durable when it resolves. */
export async function writePin(
  book: Book,
  pin: NewPin,
  caller: Caller,
): Promise<{ readonly pin: Pin; readonly created: boolean }> {
  return book.database.write((connection) => {
    const before = findRow(bookWriter(connection), pin.cid, caller)
    return { pin: toPin(put(bookWriter(connection), pin, { before, caller })), created: !before }
  })
}

/** Pins `to` with what the pin `from` is called, in one write. Throws PIN_NOT_FOUND. */
export async function movePin(
  book: Book,
  { from, to, unpin }: { readonly from: CID; readonly to: NewPin; readonly unpin: boolean },
  caller: Caller,
): Promise<{ readonly pin: Pin; readonly created: boolean }> {
  return book.database.write((connection) => {
    const writer = bookWriter(connection)
    const replaced = findRow(writer, from, caller)
    if (replaced === undefined) throw notPinned(from)
    const before = findRow(writer, to.cid, caller)
    // What was fetched was fetched for the mode that the pin had then.
    const { mode } = to
    const named = { ...replaced, mode, cid: to.cid.toString(), createdAt: Date.now() }
    const row = put(writer, to, { before: before ?? named, caller })
    if (unpin && replaced.cid !== row.cid) writer.delete(root).where(same(replaced)).run()
    return { pin: toPin(row), created: before === undefined }
  })
}

/** Within a write job: keeps a whole DAG for good, whatever pin of it there was. */
export function keepForGood(connection: Connection, cid: string, { owner }: Caller): void {
  const strongest = { mode: 'recursive', expiresAt: null } as const
  bookWriter(connection)
    .insert(root)
    .values({ ...strongest, cid, reason: PIN, owner, createdAt: Date.now() })
    .onConflictDoUpdate({ target: [root.cid, root.reason, root.owner], set: strongest })
    .run()
}

/** Those of these CIDs that the caller keeps with all below them. */
export function pinnedOf(
  orm: BookOrm,
  cids: readonly string[],
  caller: Caller,
): ReadonlySet<string> {
  const rows = orm
    .select({ cid: root.cid, mode: root.mode })
    .from(root)
    .where(and(inForce(caller), inArray(root.cid, [...cids])))
    .all()
  const whole = rows.filter(({ cid, mode }) => mode === 'recursive' || parseCid(cid).code === RAW)
  return new Set(whole.map(({ cid }) => cid))
}

/** Takes the pin away: from its end on nothing keeps the content for this caller. Throws PIN_NOT_FOUND. */
export async function removePin(book: Book, cid: CID, caller: Caller): Promise<Pin> {
  return book.database.write((connection) => {
    const writer = bookWriter(connection)
    const row = findRow(writer, cid, caller)
    if (row === undefined) throw notPinned(cid)
    writer.delete(root).where(same(row)).run()
    return toPin(row)
  })
}

/** Takes away all pins whose time is over. Gives how many. */
export async function dropExpired(book: Book): Promise<number> {
  return book.database.write(
    (connection) =>
      bookWriter(connection).delete(root).where(lte(root.expiresAt, Date.now())).run().changes,
  )
}

export function notPinned(cid: CID): PrsmError {
  return new PrsmError('PIN_NOT_FOUND', `${cid} is not pinned`, {
    hint: '`prsm pin ls` lists what is',
    details: { cid: cid.toString() },
  })
}

type Place = { readonly before: Row | undefined; readonly caller: Caller }

function put(writer: BookOrm, pin: NewPin, { before, caller }: Place): Row {
  const row: Row = {
    cid: before?.cid ?? pin.cid.toString(),
    reason: PIN,
    owner: caller.owner,
    mode: before?.mode === 'recursive' ? 'recursive' : pin.mode,
    name: pin.name ?? before?.name ?? '',
    metadata: pin.metadata ?? before?.metadata ?? '{}',
    createdAt: before?.createdAt ?? Date.now(),
    expiresAt: pin.expiresAt === undefined ? (before?.expiresAt ?? null) : pin.expiresAt,
  }
  const target = [root.cid, root.reason, root.owner]
  writer.insert(root).values(row).onConflictDoUpdate({ target, set: row }).run()
  return row
}

function findRow(orm: BookOrm, cid: CID, caller: Caller): Row | undefined {
  return orm
    .select()
    .from(root)
    .where(and(inForce(caller), inArray(root.cid, textsOf(cid))))
    .get()
}

function inForce({ owner }: Caller) {
  const unexpired = or(isNull(root.expiresAt), gt(root.expiresAt, Date.now()))
  return and(eq(root.reason, PIN), eq(root.owner, owner), unexpired)
}

function same({ cid, reason, owner }: Row) {
  return and(eq(root.cid, cid), eq(root.reason, reason), eq(root.owner, owner))
}

function matching({ mode, name, cid }: PinFilter) {
  return and(
    mode === undefined ? undefined : eq(root.mode, mode),
    name === undefined ? undefined : sql`instr(${root.name}, ${name}) > 0`,
    cid === undefined ? undefined : inArray(root.cid, textsOf(parseCid(cid))),
  )
}

/** The CID in the versions it has: they name the same blocks, read in the same way. */
function textsOf(cid: CID): string[] {
  const { code, multihash } = cid
  const hasVersion0 = code === DAG_PB && multihash.code === 0x12 && multihash.size === 32
  const latest = CID.createV1(code, multihash).toString()
  return hasVersion0 ? [latest, base58btc.encode(multihash.bytes).slice(1)] : [latest]
}

function toPin({ cid, mode, name, metadata, createdAt, expiresAt }: Row): Pin {
  const pin = {
    cid,
    mode,
    name,
    metadata: JSON.parse(metadata) as Record<string, string>,
    createdAt: new Date(createdAt).toISOString(),
  }
  return expiresAt === null ? pin : { ...pin, expiresAt: new Date(expiresAt).toISOString() }
}
