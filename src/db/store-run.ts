import { INLINE } from './block-rows.ts'
import type { Connection } from './connection.ts'
import { keyOfMultihash } from './known-ids.ts'
import { RUN_MULTIHASH_BYTES, type Run } from './packed-blocks.ts'
import { statement } from './statement.ts'
import { type Commit, count as countIn } from './store-blocks.ts'
import { sweepQueries } from './sweep-queries.ts'

type Rows = Record<'first' | 'count' | 'stride', number> & { readonly packed: Uint8Array }

const NUMBERS =
  'WITH RECURSIVE number(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM number WHERE n + 1 < $count)'
const storeRows = statement<Rows & { readonly size: number; readonly epoch: number }, never>(
  `${NUMBERS} INSERT INTO block (id, multihash, place, size, epoch)
   SELECT $first + n, substr($packed, n * $stride + 1, ${RUN_MULTIHASH_BYTES}), ${INLINE}, $size, $epoch
   FROM number WHERE true ON CONFLICT (multihash) DO NOTHING`,
)
const storeBytes = statement<Rows & { readonly size: number }, never>(
  `${NUMBERS} INSERT INTO inline (id, bytes)
   SELECT $first + n, substr($packed, n * $stride + ${RUN_MULTIHASH_BYTES + 1}, $size) FROM number`,
)
const savepoint = statement<[], never>('SAVEPOINT run')
const undo = statement<[], never>('ROLLBACK TO run')
const release = statement<[], never>('RELEASE run')

/**
 * Stores a run in the running transaction, by two statements instead of two a block: a third less work.
 * False, and nothing is stored, where one of its blocks has a row.
 */
export function storeRun(db: Connection, run: Run, { epoch, ids }: Commit): boolean {
  const { count, size, packed } = run
  const first = sweepQueries.idBound(db, null)
  const rows = { first, count, stride: RUN_MULTIHASH_BYTES + size, packed, size }
  savepoint.run(db)
  const isNew = storeRows.run(db, { ...rows, epoch }).changes === count
  if (isNew) storeBytes.run(db, rows)
  else undo.run(db)
  release.run(db)
  if (!isNew) return false
  for (let n = 0; n < count; n += 1) {
    const at = n * rows.stride
    ids.add(keyOfMultihash(packed.subarray(at, at + RUN_MULTIHASH_BYTES)), first + n)
  }
  countIn(db, { blocks: count, bytes: count * size, fileBytes: 0 })
  return true
}
