import { createRequire } from 'node:module'

/**
 * drizzle-orm as CommonJS. As ES modules, Node parses the 180 KB `package.json` of drizzle-orm anew for
 * each of its files: half a second and 200 MB at every start, against 60 ms and 3 MB this way (Node 24.21).
 */
const load = createRequire(import.meta.url)
const orm: typeof import('drizzle-orm') = load('drizzle-orm')
const core: typeof import('drizzle-orm/sqlite-core') = load('drizzle-orm/sqlite-core')
const driver: typeof import('drizzle-orm/better-sqlite3') = load('drizzle-orm/better-sqlite3')

export const { and, asc, desc, eq, gt, inArray, isNull, lt, lte, or, sql } = orm
export const {
  blob,
  check,
  getTableConfig,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  unique,
} = core
export const { drizzle } = driver
