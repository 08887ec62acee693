import { integer, primaryKey, sqliteTable, text, unique } from '../drizzle.ts'

/** What keeps a DAG alive, and for whom. `reason`: 'upload' or 'import' (of a CAR). Times are milliseconds since 1970. */
export const root = sqliteTable(
  'root',
  {
    cid: text('cid').notNull(),
    reason: text('reason').notNull(),
    owner: text('owner').notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.cid, table.reason, table.owner] })],
)

/** One row for what an owner stored under a name and a type; `bytes` of all its files together. */
export const upload = sqliteTable(
  'upload',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    owner: text('owner').notNull(),
    cid: text('cid').notNull(),
    kind: text('kind', { enum: ['file', 'directory'] }).notNull(),
    bytes: integer('bytes').notNull(),
    sha256: text('sha256').notNull(),
    filename: text('filename').notNull(),
    contentType: text('content_type').notNull(),
    profile: text('profile').notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [unique().on(table.owner, table.cid, table.filename, table.contentType)],
)
