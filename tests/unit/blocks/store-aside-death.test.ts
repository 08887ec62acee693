import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { codeOf } from '../../support/failure.ts'
import { refuseUnhandledRejections } from '../unixfs/unhandled.ts'
import { parent, store } from './dags.ts'
import {
  accountsAreRight,
  allRead,
  leaves,
  lockOf,
  openTelling,
  putAtOnce,
  threadRuns,
} from './storing-thread.ts'

refuseUnhandledRejections()

test('a thread that dies in its transaction: nothing is acknowledged, and the same blocks can be put again', async () => {
  await using opened = await openTelling()
  const blocks = leaves(4000)
  const root = parent(...blocks)
  {
    await using lease = opened.store.lease()
    using lock = lockOf(opened.path)
    putAtOnce(lease, blocks)
    const synced = codeOf(lease.sync())
    await delay(60)
    const died = opened.threads[0]?.terminate()
    lock[Symbol.dispose]()
    await died
    expect(await synced).toBe('INTERNAL')
    expect(opened.told.length).toBeLessThan(4000)
    expect(await codeOf(lease.sync())).toBe('INTERNAL')
    await expect(lease.put(root.cid, root.bytes)).rejects.toMatchObject({ code: 'INTERNAL' })
  }
  accountsAreRight(opened)
  await store(opened.store, ...blocks, root)
  await expect.poll(() => opened.db.canStoreAside({ start: true })).toBe(true)
  expect(opened.threads).toHaveLength(2)
  accountsAreRight(opened)
  await using again = await opened.reopen()
  accountsAreRight(again)
  expect(again.store.totals().blocks).toBe(1300 + 4001)
  await allRead(again.store, [...blocks, root])
})

test('what was told of is there, whenever the thread dies', async () => {
  await using opened = await openTelling()
  const rounds = Array.from({ length: 6 }, (_, round) => leaves(1500, round + 2))
  for (const [round, blocks] of rounds.entries()) {
    await threadRuns(opened.db)
    await using lease = opened.store.lease()
    putAtOnce(lease, blocks)
    const synced = lease.sync().then(
      () => undefined,
      (error: { code: string }) => error.code,
    )
    await delay(round * 3)
    await opened.threads.at(-1)?.terminate()
    const code = await synced
    expect([undefined, 'INTERNAL']).toContain(code)
    if (code === undefined) expect(opened.told.length).toBeGreaterThanOrEqual(1500)
    accountsAreRight(opened)
    const toldOf = new Set(opened.told)
    for (const { cid } of blocks) {
      if (toldOf.has(`${cid}`)) expect(opened.store.has(cid)).toBe(true)
    }
    opened.told.length = 0
  }
  expect(opened.threads.length).toBeGreaterThan(3)
  await store(opened.store, ...rounds.flat())
  await using again = await opened.reopen()
  accountsAreRight(again)
  await allRead(again.store, rounds.flat())
})
