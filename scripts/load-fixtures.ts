/**
 * Loads the data files of the suite gateway-conformance into a running daemon, so that the suite can be
 * run against its gateway: `node scripts/load-fixtures.ts [http://127.0.0.1:8000]`.
 */
import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '../src/client/client.ts'

const url = process.argv[2] ?? 'http://127.0.0.1:8000'
const folder = join(import.meta.dirname, '../tests/fixtures/gateway')

await using client = createClient({ url })
for (const name of (await Array.fromAsync(glob('**/*.car', { cwd: folder }))).toSorted()) {
  const { roots, blocks } = await client.importCar({ path: join(folder, name) })
  const incomplete = roots.filter(({ complete }) => !complete).length
  const lack =
    incomplete > 0 ? `, ${incomplete} of its roots incomplete (as it is meant to be)` : ''
  console.log(`${name}: ${blocks} blocks${lack}`)
}
