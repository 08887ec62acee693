import { type Book, readBook } from '../db/book.ts'
import { count, sum } from '../db/drizzle.ts'
import { upload } from '../db/schema/book.ts'

/** Uploads of all owners, and their bytes together. */
export function uploadTotals(book: Book): { readonly uploads: number; readonly bytes: number } {
  const row = readBook(book, (orm) =>
    orm
      .select({ uploads: count(), bytes: sum(upload.bytes).mapWith(Number) })
      .from(upload)
      .get(),
  )
  return { uploads: row?.uploads ?? 0, bytes: row?.bytes ?? 0 }
}
