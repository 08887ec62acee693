import { addItem, openTestDatabase } from '../../support/database.ts'

/** 32 writers; what has resolved is told to the parent. Large rows, so that checkpoints come, too. */
const [, , folder = '', run = ''] = process.argv
// Whoever started this is gone: a test that failed leaves nothing behind.
process.once('disconnect', () => process.exit())
const { database } = await openTestDatabase({ folder })
const bytes = new Uint8Array(8000)

async function writer(number: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const name = `${run}-${number}-${index}`
    await addItem(database, name, bytes)
    process.send?.([name])
  }
}

await Promise.all(Array.from({ length: 32 }, (_, number) => writer(number)))
