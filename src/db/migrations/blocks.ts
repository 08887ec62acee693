import type { Migration } from '../migrate.ts'

/** `blocks.db`. A released step never changes: add one. */
export const blocksMigrations: readonly Migration[] = [
  {
    version: 1,
    name: 'blocks',
    sql: `
CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('epoch', 1), ('unclean_directory', 0), ('blocks', 0), ('bytes', 0);

-- place: 0 only named by a link, 1 inline, 2 file. encoding: 0 raw. segments: CRC-32 of each (of so
-- many bytes as format.json says).
CREATE TABLE block (
  id INTEGER PRIMARY KEY,
  multihash BLOB NOT NULL UNIQUE,
  place INTEGER NOT NULL CHECK (place IN (0, 1, 2)),
  encoding INTEGER NOT NULL DEFAULT 0,
  size INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  directory INTEGER,
  segments BLOB,
  CHECK ((place = 2) = (directory IS NOT NULL)),
  CHECK ((place = 2) = (segments IS NOT NULL))
) STRICT;
CREATE INDEX block_directory ON block (directory) WHERE directory IS NOT NULL;

CREATE TABLE inline (
  id INTEGER PRIMARY KEY REFERENCES block (id),
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE links (
  parent INTEGER NOT NULL REFERENCES block (id),
  codec INTEGER NOT NULL,
  children BLOB NOT NULL,
  PRIMARY KEY (parent, codec)
) STRICT, WITHOUT ROWID;

-- Blocks that a read found damaged, since when (ms): the next put writes them anew.
CREATE TABLE damaged (
  block INTEGER PRIMARY KEY REFERENCES block (id),
  found_at INTEGER NOT NULL
) STRICT;
`,
  },
  {
    version: 2,
    name: 'what files take',
    sql: `
-- Bytes of the block files, each in disk blocks of 4 KiB.
INSERT INTO meta (key, value)
  SELECT 'file_bytes', coalesce(sum((size + 4095) / 4096 * 4096), 0) FROM block WHERE place = 2;
`,
  },
]
