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
  {
    version: 2,
    name: 'pins',
    sql: `
-- A root whose reason is 'pin' is one; that of an upload or an import is the pin of it.
-- expires_at: milliseconds since 1970. metadata: a JSON object of texts.
CREATE TABLE new_root (
  cid TEXT NOT NULL,
  reason TEXT NOT NULL,
  owner TEXT NOT NULL,
  mode TEXT NOT NULL DEFAULT 'recursive' CHECK (mode IN ('recursive', 'direct')),
  name TEXT NOT NULL DEFAULT '',
  metadata TEXT NOT NULL DEFAULT '{}',
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (cid, reason, owner)
) STRICT, WITHOUT ROWID;
INSERT INTO new_root (cid, reason, owner, created_at)
  SELECT cid, 'pin', owner, min(created_at) FROM root GROUP BY cid, owner;
DROP TABLE root;
ALTER TABLE new_root RENAME TO root;
CREATE INDEX root_expiry ON root (expires_at) WHERE expires_at IS NOT NULL;
`,
  },
]
