import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { createFilePort } from '../../src/files/file-port.ts'
import { createStorageNode } from '../../src/index.ts'
import { rawCid, temporaryFolder } from '../support/block-store.ts'
import { carOf } from '../support/car.ts'
import { noise } from '../support/content.ts'

/** Long enough for a pin that waits for nothing. */
const SOON_MS = 300

/** Lets syncs of the index wait until it is opened. */
function syncGate() {
  let wait: PromiseWithResolvers<void> | undefined
  return {
    close: () => {
      wait = Promise.withResolvers()
    },
    open: () => {
      wait?.resolve()
      wait = undefined
    },
    before: ({ name, path }: { name: string; path: string }) =>
      name === 'datasync' && path.endsWith('blocks.db-wal') ? wait?.promise : undefined,
  }
}

/** Waits until the index tells of a block, whether that is synced or not. */
async function committed(dataDir: string, bytes: Uint8Array): Promise<void> {
  using stack = new DisposableStack()
  const reader = new Sqlite(join(dataDir, 'blocks.db'), { readonly: true })
  stack.defer(() => reader.close())
  const find = reader.prepare('SELECT id FROM block WHERE multihash = ? AND place <> 0')
  while (find.get(rawCid(bytes).multihash.bytes) === undefined) await delay(5)
}

test.each(['pin', 'import'] as const)(
  'what others have committed and not synced yet is waited for by a %s',
  async (how) => {
    await using folder = await temporaryFolder()
    const gate = syncGate()
    const files = createFilePort({ before: gate.before })
    await using node = await createStorageNode({ dataDir: folder.path }, { files })
    await node.upload(noise(100, 1))
    const bytes = noise(1000, 2)
    const cid = rawCid(bytes)
    const archive = await carOf([cid], [])
    gate.close()
    const uploading = node.upload(bytes)
    await committed(folder.path, bytes)
    const keeping = how === 'pin' ? node.pin(`${cid}`, { offline: true }) : node.importCar(archive)
    const first = await Promise.race([keeping.then(() => 'kept'), delay(SOON_MS, 'waits')])
    gate.open()
    expect(first).toBe('waits')
    await Promise.all([keeping, uploading])
  },
)
