import type { Caller } from '../core/caller.ts'
import type { Book } from '../db/book.ts'
import { bookWriter } from '../db/book.ts'
import { and, eq } from '../db/drizzle.ts'
import { upload } from '../db/schema/book.ts'
import { keepForGood, pinnedOf } from '../pins/rows.ts'

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

export type CommitUploadOptions = { readonly pin: boolean; readonly caller: Caller }

export type CommittedUpload = { readonly created: boolean; readonly pinned: boolean }

/**
 * The one write of an upload: its pin and its row, all or nothing, durable when it resolves. Not
 * `created` when this caller had stored the same content under the same name: then its pin alone is written,
 * where it is wanted and gone.
 */
export async function commitUpload(
  book: Book,
  stored: NewUpload,
  { pin, caller }: CommitUploadOptions,
): Promise<CommittedUpload> {
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
    const createdAt = Date.now()
    if (pin) keepForGood(connection, cid, caller)
    const pinned = pin || pinnedOf(writer, [cid], caller).has(cid)
    const before = writer.select({ id: upload.id }).from(upload).where(same).get()
    if (before !== undefined) return { created: false, pinned }
    writer
      .insert(upload)
      .values({ ...stored, owner, createdAt })
      .run()
    return { created: true, pinned }
  })
}
