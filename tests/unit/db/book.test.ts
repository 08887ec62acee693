import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bookWriter, openBook } from '../../../src/db/book.ts'
import { eq } from '../../../src/db/drizzle.ts'
import { root, upload } from '../../../src/db/schema/book.ts'
import { startDatabaseWorker } from '../../../src/db/worker.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { temporaryFolder } from '../../support/database.ts'

const row = {
  owner: 'local',
  cid: 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm',
  kind: 'file',
  bytes: 15,
  sha256: '00',
  filename: 'test.txt',
  contentType: 'text/plain',
  profile: 'unixfs-v1-2025',
  createdAt: 1_700_000_000_000,
} as const

for (const storage of ['file', 'memory']) {
  test(`${storage}: drizzle writes in a job, all or nothing, and reads beside it`, async () => {
    await using folder = await temporaryFolder()
    await using worker = startDatabaseWorker()
    const path = storage === 'memory' ? null : join(folder.path, 'prsm.db')
    await using book = await openBook({ path, files: createFilePort(), worker })

    const id = await book.database.write((connection) => {
      const writer = bookWriter(connection)
      expect(bookWriter(connection)).toBe(writer)
      writer
        .insert(root)
        .values({ ...row, reason: 'upload' })
        .run()
      return writer.insert(upload).values(row).returning({ id: upload.id }).get().id
    })
    expect(book.orm.select().from(upload).where(eq(upload.id, id)).get()).toEqual({ ...row, id })

    const again = book.database.write((connection) => {
      const writer = bookWriter(connection)
      writer.delete(root).run()
      writer.insert(upload).values(row).run()
    })
    await expect(again).rejects.toMatchObject({
      code: 'INTERNAL',
      details: { sqlite: 'SQLITE_CONSTRAINT_UNIQUE' },
    })
    expect(book.orm.select().from(root).all()).toHaveLength(1)
  })
}
