import { index, integer, primaryKey, sql, sqliteTable, text, unique } from '../drizzle.ts'

/**
 * What keeps a DAG alive, and for whom. `reason`: 'pin', of whatever an owner keeps. Times are
 * milliseconds since 1970; `metadata` is a JSON object of texts.
 */
export const root = sqliteTable(
  'root',
  {
    cid: text('cid').notNull(),
    reason: text('reason').notNull(),
    owner: text('owner').notNull(),
    mode: text('mode', { enum: ['recursive', 'direct'] })
      .notNull()
      .default('recursive'),
    name: text('name').notNull().default(''),
    metadata: text('metadata').notNull().default('{}'),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at'),
  },
  (table) => [
    primaryKey({ columns: [table.cid, table.reason, table.owner] }),
    index('root_expiry').on(table.expiresAt).where(sql`${table.expiresAt} IS NOT NULL`),
  ],
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
