import { readdirSync } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { base32upper } from 'multiformats/bases/base32'
import { expect, test } from 'vitest'
import { type BeforeOperation, createFilePort } from '../../../src/files/file-port.ts'
import { blockFileName, blockFiles } from '../../support/block-store.ts'
import { type Block, collectAll, leaf, parent, putAll, store } from './dags.ts'
import {
  accountsAreRight,
  allRead,
  leaves,
  openWithThread,
  ownChanges,
  withLimits,
} from './storing-thread.ts'

const LARGE = 100 * 1024

/** What the next start would not find if the process died now: files without a row below where it begins to look. */
function lostFiles(folder: string): string[] {
  const db = new Sqlite(join(folder, 'blocks.db'), { readonly: true, timeout: 1000 })
  try {
    db.exec('BEGIN')
    const unclean = db.prepare("SELECT value FROM meta WHERE key = 'unclean_directory'").pluck()
    const from = Number(unclean.get())
    const named = db.prepare('SELECT multihash FROM block WHERE directory = ?').pluck()
    return readdirSync(join(folder, 'blocks'))
      .map(Number)
      .filter((directory) => directory < from)
      .flatMap((directory) => {
        const rows = named.all(directory) as Uint8Array[]
        const known = new Set(rows.map((multihash) => `${base32upper.encode(multihash)}.data`))
        const path = join(folder, 'blocks', String(directory).padStart(7, '0'))
        return readdirSync(path)
          .filter((file) => !known.has(file))
          .map((file) => `${directory}/${file} (looks from ${from})`)
      })
  } finally {
    db.close()
  }
}

function uncleanOf({ db }: Awaited<ReturnType<typeof openWithThread>>): unknown {
  const value = "SELECT value FROM meta WHERE key = 'unclean_directory'"
  return db.reader.prepare(value).pluck().get()
}

test('block files in large numbers have their rows from the thread', async () => {
  using _limits = withLimits({ filesPerDirectory: 64, storeBatchWeight: 4, storeAsideWeight: 40 })
  await using opened = await openWithThread()
  const blocks = leaves(400, 1, LARGE)
  const root = parent(...blocks)
  const before = await ownChanges(opened.db)
  await store(opened.store, ...blocks, root)
  // What a flush finds by ones and twos is the event loop's; a commit of that changes some rows of totals, too.
  expect((await ownChanges(opened.db)) - before).toBeLessThan(600)
  const fileBytes = 400 * LARGE
  expect(opened.store.totals()).toEqual({
    ...{ blocks: 401, bytes: fileBytes + root.bytes.byteLength, fileBytes },
  })
  expect(await blockFiles(opened.folder)).toHaveLength(400)
  accountsAreRight(opened)
  expect(lostFiles(opened.folder)).toEqual([])
  await using again = await opened.reopen()
  await allRead(again.store, blocks)
  expect(await blockFiles(opened.folder)).toHaveLength(400)
})

test('no file is ever without a row below the directory the next start looks from', async () => {
  using _limits = withLimits({ filesPerDirectory: 8, storeBatchWeight: 6, storeAsideWeight: 12 })
  const state = { folder: '', looks: 0 }
  const lost: string[] = []
  const look = (): void => {
    if (state.folder === '') return
    state.looks += 1
    lost.push(...lostFiles(state.folder))
  }
  // A slow sync here and there: files of lower directories are on their way when higher ones are committed.
  let syncs = 0
  const before: BeforeOperation = async ({ name, path }) => {
    if (name === 'datasync' && path.endsWith('-wal')) look()
    if (name !== 'datasync' || !path.endsWith('.data')) return
    syncs += 1
    if (syncs % 7 === 0) await delay(30)
  }
  await using opened = await openWithThread({ files: createFilePort({ before }) })
  state.folder = opened.folder
  const uploads = [1, 2, 3].map(async (seed) => {
    await using lease = opened.store.lease()
    for (const [at, block] of leaves(60, seed, 66_000).entries()) {
      await lease.put(block.cid, block.bytes)
      const small = leaf(10_000 * seed + at)
      await lease.put(small.cid, small.bytes)
      if (at % 20 === 19) await lease.sync()
      if (at % 5 === 0) look()
    }
    await lease.sync()
  })
  await Promise.all(uploads)
  look()
  expect(state.looks).toBeGreaterThan(20)
  expect(lost).toEqual([])
  expect(Number(uncleanOf(opened))).toBeGreaterThan(3)
  accountsAreRight(opened)
  state.folder = ''
})

/** Blocks whose files were cut short, and others, put together while the store is looked at. */
async function mended(
  look: () => void,
  opened: Awaited<ReturnType<typeof openWithThread>>,
  old: Block[],
) {
  for (const { bytes } of old) {
    const name = blockFileName(bytes)
    const path = (await blockFiles(opened.folder)).find((file) => file.endsWith(name)) ?? ''
    await truncate(path, 10)
  }
  const others = [2, 3].map(async (seed) => {
    await using lease = opened.store.lease()
    for (const { cid, bytes } of leaves(60, seed, 66_000)) {
      await lease.put(cid, bytes)
      look()
    }
    await lease.sync()
  })
  await using lease = opened.store.lease()
  for (const block of old) {
    await lease.put(block.cid, block.bytes)
    await delay(3)
  }
  await lease.sync()
  await Promise.all(others)
}

test('nor when files that are damaged are replaced', async () => {
  using _limits = withLimits({ filesPerDirectory: 8, storeBatchWeight: 4, storeAsideWeight: 8 })
  const state = { folder: '' }
  const lost: string[] = []
  const look = (): void => {
    if (state.folder !== '') lost.push(...lostFiles(state.folder))
  }
  const before: BeforeOperation = async ({ name, path }) => {
    if (name !== 'datasync' || !path.endsWith('-wal')) return
    look()
    // What is committed meanwhile comes before the files that were replaced are removed.
    await delay(20)
    look()
  }
  await using opened = await openWithThread({ files: createFilePort({ before }) })
  const old = leaves(24, 1, 66_000)
  await store(opened.store, ...old)
  state.folder = opened.folder
  await mended(look, opened, old)
  expect(lost).toEqual([])
  state.folder = ''
  expect(await blockFiles(opened.folder)).toHaveLength(24 + 120)
  await allRead(opened.store, old)
  accountsAreRight(opened)
})

test('nor while a collection takes files beside an import', async () => {
  using _limits = withLimits({
    ...{ filesPerDirectory: 8, storeBatchWeight: 4, storeAsideWeight: 8 },
    collectionPatienceMs: 0,
  })
  const state = { folder: '' }
  const lost: string[] = []
  const before: BeforeOperation = ({ name, path }) => {
    if (name === 'unlink' || (name === 'datasync' && path.endsWith('-wal'))) {
      if (state.folder !== '') lost.push(...lostFiles(state.folder))
    }
  }
  await using opened = await openWithThread({ files: createFilePort({ before }) })
  const kept = leaves(20, 1, 66_000)
  await store(opened.store, ...kept, ...leaves(60, 2, 66_000))
  state.folder = opened.folder
  const root = parent(...kept)
  const uploaded = (async () => {
    await using lease = opened.store.lease()
    await putAll(lease, [root, ...leaves(80, 3, 66_000)])
  })()
  const tally = await collectAll(opened.store, [...kept, root])
  await uploaded
  expect(tally.blocks).toBeLessThanOrEqual(60)
  await collectAll(opened.store, [root])
  expect(lost).toEqual([])
  state.folder = ''
  expect(await blockFiles(opened.folder)).toHaveLength(20)
  await allRead(opened.store, kept)
  accountsAreRight(opened)
})
