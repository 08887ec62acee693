import type { Caller } from '../core/caller.ts'
import { type Book, bookWriter } from '../db/book.ts'
import { keepForGood, pinnedOf } from '../pins/rows.ts'

/** The roots of an archive: those below which nothing is missing, which are to be kept, and all. */
export type FoundRoots = { readonly whole: readonly string[]; readonly all: readonly string[] }

/**
 * The one write of an import: its whole roots, all or none, durable when it resolves. Gives those of
 * all its roots that this caller keeps, now or from before.
 */
export async function commitRoots(
  book: Book,
  { whole, all }: FoundRoots,
  caller: Caller,
): Promise<ReadonlySet<string>> {
  return book.database.write((connection) => {
    for (const cid of whole) keepForGood(connection, cid, caller)
    return pinnedOf(bookWriter(connection), all, caller)
  })
}
