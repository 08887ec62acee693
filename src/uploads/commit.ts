import type { Caller } from '../core/caller.ts'
import type { Book } from '../db/book.ts'
import { bookWriter } from '../db/book.ts'
import { and, eq } from '../db/drizzle.ts'
import { root, upload } from '../db/schema/book.ts'

/** What an upload adds to the book. */
export type NewUpload = {
  readonly cid: string
  readonly kind: 'file' | 'directory'
  readonly bytes: number
  readonly sha256: string
  readonly filename: string
  readonly contentType: string
  readonly profile: string
}

/**
 * The one write of an upload: its root and its row, all or nothing, durable when it resolves. False
 * when this caller had stored the same content under the same name: then nothing is written.
 */
export async function commitUpload(
  book: Book,
  stored: NewUpload,
  caller: Caller,
): Promise<boolean> {
  return book.database.write((connection) => {
    const writer = bookWriter(connection)
    const { owner } = caller
    const { cid, filename, contentType } = stored
    const same = and(
      eq(upload.owner, owner),
      eq(upload.cid, cid),
      eq(upload.filename, filename),
      eq(upload.contentType, contentType),
    )
    if (writer.select({ id: upload.id }).from(upload).where(same).get() !== undefined) return false
    const createdAt = Date.now()
    writer
      .insert(root)
      .values({ cid, reason: 'upload', owner, createdAt })
      .onConflictDoNothing()
      .run()
    writer
      .insert(upload)
      .values({ ...stored, owner, createdAt })
      .run()
    return true
  })
}
