import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { environment } from '../../../src/config/env.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { openStore, temporaryFolder } from '../../support/block-store.ts'
import { codeOf } from '../../support/failure.ts'
import { refuseUnhandledRejections } from '../unixfs/unhandled.ts'
import { putAll, store } from './dags.ts'
import {
  accountsAreRight,
  allRead,
  leaves,
  lockOf,
  openTelling,
  ownChanges,
  putAtOnce,
  storingThreads,
  threadRuns,
  withLimits,
} from './storing-thread.ts'

refuseUnhandledRejections()

test('a sync of the -wal that fails after the commit of the thread: nothing is acknowledged, later writes are refused', async () => {
  let broken = false
  const cause = Object.assign(new Error('EIO: made by the test'), { code: 'EIO' })
  const files = createFilePort({
    before: ({ name, path }) => {
      return broken && name === 'datasync' && path.endsWith('-wal') ? cause : undefined
    },
  })
  await using opened = await openTelling({ files })
  const { store: blocks, db } = opened
  const first = leaves(1100)
  {
    await using lease = blocks.lease()
    broken = true
    await putAll(lease, first).then(
      () => expect.unreachable(),
      (error: unknown) => expect(error).toMatchObject({ code: 'STORAGE_IO' }),
    )
    // One batch, and all of it the thread's: it was committed.
    expect(db.reader.prepare('SELECT count(*) FROM inline').pluck().get()).toBe(1300 + 1100)
    expect(opened.told).toEqual([])
    expect(await codeOf(lease.sync())).toBe('STORAGE_IO')
  }
  broken = false
  await using later = blocks.lease()
  for (const { cid, bytes } of [...first, ...leaves(2000, 2)]) {
    await expect(later.put(cid, bytes)).rejects.toMatchObject({ code: 'STORAGE_IO' })
    break
  }
  expect(await codeOf(db.write(() => 1))).toBe('STORAGE_IO')
  const aside = db.storeAside(
    () => expect.unreachable(),
    () => expect.unreachable(),
  )
  expect(await codeOf(aside)).toBe('STORAGE_IO')
  expect(opened.told).toEqual([])
  await using again = await opened.reopen()
  accountsAreRight(again)
  await allRead(again.store, leaves(1300, 1000))
})

test('nothing is told of before a sync of the -wal that began after the commit', async () => {
  const gate = Promise.withResolvers<void>()
  let closed = false
  const files = createFilePort({
    before: ({ name, path }) =>
      closed && name === 'datasync' && path.endsWith('-wal') ? gate.promise : undefined,
  })
  await using opened = await openTelling({ files })
  const count = opened.db.reader.prepare('SELECT count(*) FROM inline').pluck()
  await using lease = opened.store.lease()
  closed = true
  let acknowledged = false
  const done = putAll(lease, leaves(1100)).then(() => {
    acknowledged = true
  })
  await expect.poll(() => count.get()).toBe(1300 + 1100)
  await delay(50)
  expect([acknowledged, opened.told]).toEqual([false, []])
  gate.resolve()
  await done
  expect(opened.told).toHaveLength(1100)
})

test('while another program writes, the thread waits, and nothing is lost', async () => {
  await using opened = await openTelling()
  const blocks = leaves(3000)
  using lock = lockOf(opened.path)
  const begun = performance.now()
  const stored = store(opened.store, ...blocks).then(() => performance.now() - begun)
  // The puts hash.
  await delay(1)
  const beside = opened.db.write(() => performance.now() - begun)
  const turns: number[] = []
  for (let turn = 0; turn < 30; turn += 1) {
    const at = performance.now()
    await delay(10)
    turns.push(performance.now() - at)
  }
  expect(Math.max(...turns)).toBeLessThan(250)
  lock[Symbol.dispose]()
  expect(await stored).toBeGreaterThan(300)
  expect(await beside).toBeGreaterThan(290)
  accountsAreRight(opened)
  await allRead(opened.store, blocks)
})

test('one that writes for too long: the lease is told so, and the node goes on afterwards', async () => {
  const env = environment()
  const { NODE_OPTIONS: options } = env
  Object.assign(env, {
    NODE_OPTIONS: `--import ${new URL('./lower-lock-limit.ts', import.meta.url)}`,
  })
  using _limits = withLimits({ writeLockMs: 400 })
  using threads = storingThreads()
  await using folder = await temporaryFolder()
  await using opened = await openStore({ folder: folder.path })
  try {
    await threadRuns(opened.db)
  } finally {
    if (options === undefined) Reflect.deleteProperty(env, 'NODE_OPTIONS')
    else Object.assign(env, { NODE_OPTIONS: options })
  }
  await store(opened.store, ...leaves(1300, 1000))
  const blocks = leaves(6000)
  const before = await ownChanges(opened.db)
  const lock = lockOf(`${folder.path}/blocks.db`)
  const begun = performance.now()
  {
    await using lease = opened.store.lease()
    putAtOnce(lease, blocks)
    const synced = codeOf(lease.sync())
    await delay(20)
    const beside = codeOf(opened.db.write(() => 1))
    expect(await synced).toBe('STORE_LOCKED')
    expect(performance.now() - begun).toBeGreaterThan(390)
    expect(await beside).toBe('STORE_LOCKED')
  }
  // Who waits is told at once, not each after a wait of its own.
  expect(performance.now() - begun).toBeLessThan(2300)
  lock[Symbol.dispose]()
  accountsAreRight(opened)
  expect(opened.store.totals().blocks).toBe(1300)
  await store(opened.store, ...blocks)
  expect(threads.started).toHaveLength(1)
  expect((await ownChanges(opened.db)) - before).toBeLessThan(2400)
  accountsAreRight(opened)
  await allRead(opened.store, blocks)
})
