import { expect, it } from 'vitest'
import { runSuite } from './support/suite.ts'
import { type SyncSite, syncSites } from './support/sync-sites.ts'

const RUNS = 150

/**
 * Syncs that another one covers within a node. The folder of a database is synced for its names when the
 * database opens, so that `src/db` keeps its word alone; the block store syncs the same folder when it
 * opens, after both databases and before anything is acknowledged. (SQLite does so, too: with the first
 * sync of each new -wal.)
 */
const COVERED: readonly SyncSite['call'][] = ['files.syncDirectory(dirname(writer.name)']

const sites = syncSites()
const needed = sites.filter(({ call }) => !COVERED.includes(call))

it('the calls that sync the store are found', () => {
  expect(needed.length).toBeGreaterThanOrEqual(9)
  expect(sites.length - needed.length).toBe(COVERED.length)
})

/** One call that syncs two files: each has to be. */
const walSync = sites.find(({ call }) => call === 'this.#file.datasync()')?.place
const each = ['blocks.db-wal', 'prsm.db-wal'].map((file) => ({
  call: file,
  place: `${walSync} ${file}`,
}))

it.each([...needed, ...each])(
  'without $call in $place the power cuts are noticed',
  async ({ place }) => {
    const { found } = await runSuite({ mode: 'cut', runs: RUNS, without: place })
    expect(found.join()).toContain('node tests/crash/replay.ts --mode cut')
  },
)
