import type { Caller } from '../core/caller.ts'
import { type Book, bookWriter } from '../db/book.ts'
import { and, eq, inArray } from '../db/drizzle.ts'
import { root } from '../db/schema/book.ts'

/** The roots of an archive: those below which nothing is missing, which are to be kept, and all. */
export type FoundRoots = { readonly whole: readonly string[]; readonly all: readonly string[] }

/**
 * The one write of an import: its whole roots, all or none, durable when it resolves. Gives those of
 * all its roots that this caller keeps, now or from before.
 */
export async function commitRoots(
  book: Book,
  { whole, all }: FoundRoots,
  { owner }: Caller,
): Promise<ReadonlySet<string>> {
  return book.database.write((connection) => {
    const writer = bookWriter(connection)
    const createdAt = Date.now()
    for (const cid of whole) {
      const values = { cid, reason: 'import', owner, createdAt }
      writer.insert(root).values(values).onConflictDoNothing().run()
    }
    const mine = and(eq(root.owner, owner), inArray(root.cid, [...all]))
    const kept = writer.select({ cid: root.cid }).from(root).where(mine).all()
    return new Set(kept.map(({ cid }) => cid))
  })
}
