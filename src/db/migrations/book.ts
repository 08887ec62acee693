import type { Migration } from '../migrate.ts'

/** `prsm.db`, the book. A released step never changes: add one. */
export const bookMigrations: readonly Migration[] = [
  {
    version: 1,
    name: 'roots and uploads',
    sql: `
-- created_at: milliseconds since 1970.
CREATE TABLE root (
  cid TEXT NOT NULL,
  reason TEXT NOT NULL,
  owner TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (cid, reason, owner)
) STRICT, WITHOUT ROWID;

CREATE TABLE upload (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  cid TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('file', 'directory')),
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  content_type TEXT NOT NULL,
  profile TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (owner, cid, filename, content_type)
) STRICT;
`,
  },
]
