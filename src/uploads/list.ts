import type { Caller } from '../core/caller.ts'
import type { ListOptions, UploadPage, UploadRecord } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import { pageRows } from '../core/page.ts'
import { type Book, readBook } from '../db/book.ts'
import { and, desc, eq, lt } from '../db/drizzle.ts'
import { upload } from '../db/schema/book.ts'
import { pinnedOf } from '../pins/rows.ts'

/** A page of the caller's uploads, newest first. Throws INVALID_INPUT for a page that cannot be. */
export function listUploads(book: Book, options: ListOptions, caller: Caller): UploadPage {
  const limit = pageRows(options.limit, 'before')
  checkBefore(options.before ?? 0)
  const mine = eq(upload.owner, caller.owner)
  const rows = readBook(book, (orm) =>
    orm
      .select()
      .from(upload)
      .where(options.before === undefined ? mine : and(mine, lt(upload.id, options.before)))
      .orderBy(desc(upload.id))
      .limit(limit + 1)
      .all(),
  )
  const shown = rows.slice(0, limit)
  const pinned = readBook(book, (orm) =>
    pinnedOf(
      orm,
      shown.map(({ cid }) => cid),
      caller,
    ),
  )
  const uploads = shown.map((row) => toRecord(row, pinned.has(row.cid)))
  const last = uploads.at(-1)
  return rows.length > limit && last !== undefined ? { uploads, next: last.id } : { uploads }
}

function checkBefore(before: number): void {
  if (Number.isSafeInteger(before) && before >= 0) return
  throw new PrsmError('INVALID_INPUT', `no upload has the id ${before}`, {
    hint: 'pass the `next` of the page before',
  })
}

function toRecord(row: typeof upload.$inferSelect, pinned: boolean): UploadRecord {
  const { id, cid, bytes, sha256, filename, contentType, createdAt } = row
  return {
    id,
    cid,
    bytes,
    sha256,
    filename,
    contentType,
    pinned,
    createdAt: new Date(createdAt).toISOString(),
  }
}
