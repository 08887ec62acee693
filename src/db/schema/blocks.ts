import { blob, check, index, integer, primaryKey, sql, sqliteTable, text } from '../drizzle.ts'

/** Counters and marks of the store: `epoch`, `unclean_directory`, `blocks`, `bytes`. */
export const meta = sqliteTable('meta', {
  key: text('key').primaryKey(),
  value: integer('value').notNull(),
})

/** One row a multihash. `place`: 0 only named by a link, 1 inline, 2 file; sizes are bytes. */
export const block = sqliteTable(
  'block',
  {
    id: integer('id').primaryKey(),
    multihash: blob('multihash', { mode: 'buffer' }).notNull().unique(),
    place: integer('place').notNull(),
    encoding: integer('encoding').notNull().default(0),
    size: integer('size').notNull(),
    epoch: integer('epoch').notNull(),
    directory: integer('directory'),
    segments: blob('segments', { mode: 'buffer' }),
  },
  (table) => [
    check('place', sql`${table.place} IN (0, 1, 2)`),
    index('block_directory').on(table.directory).where(sql`${table.directory} IS NOT NULL`),
  ],
)

/** The bytes of a block that is kept in the database. */
export const inline = sqliteTable('inline', {
  id: integer('id')
    .primaryKey()
    .references(() => block.id),
  bytes: blob('bytes', { mode: 'buffer' }).notNull(),
})

/** The children a block has when it is read with a codec. */
export const links = sqliteTable(
  'links',
  {
    parent: integer('parent')
      .notNull()
      .references(() => block.id),
    codec: integer('codec').notNull(),
    children: blob('children', { mode: 'buffer' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.parent, table.codec] })],
)

/** Blocks that a read found damaged, since when (milliseconds): the next put writes them anew. */
export const damaged = sqliteTable('damaged', {
  block: integer('block')
    .primaryKey()
    .references(() => block.id),
  foundAt: integer('found_at').notNull(),
})
