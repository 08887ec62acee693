import { join } from 'node:path'
import { LevelDatastore } from 'datastore-level'
import { Key } from 'interface-datastore'
import { expect, test } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { LenientDatastore } from '../../src/network/peer-datastore.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { temporaryFolder } from '../support/block-store.ts'

const key = (name: string) => new Key(`/peers/${name}`)
const bytes = (text: string) => Buffer.from(text)

/** A LevelDB that can be read, and whose writes fail while `full` is set. */
class Filling extends LevelDatastore {
  full = false

  override async put(...args: Parameters<LevelDatastore['put']>): Promise<Key> {
    if (this.full) throw new Error('ENOSPC')
    return await super.put(...args)
  }

  override async delete(...args: Parameters<LevelDatastore['delete']>): Promise<void> {
    if (this.full) throw new Error('ENOSPC')
    await super.delete(...args)
  }
}

async function openFilling() {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const level = new Filling(join(folder.path, 'peers'))
  await level.open()
  stack.defer(() => level.close())
  const log: { msg: string }[] = []
  const logger = createLogger(
    { level: 'warn', components: {} },
    { destination: { write: (line) => log.push(JSON.parse(line)) } },
  )
  const store = new LenientDatastore(level, logger)
  const open = stack.move()
  return { level, store, log, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

async function namesIn({ store }: { store: LenientDatastore }, prefix = '/peers') {
  const pairs = await Array.fromAsync(store.query({ prefix }))
  const keys = await Array.fromAsync(store.queryKeys({ prefix }))
  expect(keys.map(String)).toEqual(pairs.map((pair) => `${pair.key}`))
  return Object.fromEntries(pairs.map((pair) => [`${pair.key}`, `${Buffer.from(pair.value)}`]))
}

test('what cannot be written is held, over what was written', async () => {
  await using open = await openFilling()
  const { level, store, log } = open
  for (const name of ['a', 'b', 'c']) await store.put(key(name), bytes(`old ${name}`))
  level.full = true
  await store.put(key('b'), bytes('new b'))
  await store.put(key('d'), bytes('new d'))
  await store.delete(key('c'))
  expect(log).toHaveLength(1)
  expect(await namesIn(open)).toEqual({
    '/peers/a': 'old a',
    '/peers/b': 'new b',
    '/peers/d': 'new d',
  })
  expect(await namesIn(open, '/other')).toEqual({})
  expect(`${Buffer.from(await store.get(key('b')))}`).toBe('new b')
  await expect(store.get(key('c'))).rejects.toMatchObject({ name: 'NotFoundError' })
  await expect(store.get(key('x'))).rejects.toMatchObject({ name: 'NotFoundError' })
  const there = ['a', 'b', 'c', 'd', 'x'].map((name) => store.has(key(name)))
  expect(await Promise.all(there)).toEqual([true, true, false, true, false])
})

test('what can be written again is', async () => {
  await using open = await openFilling()
  const { level, store } = open
  level.full = true
  await store.put(key('a'), bytes('held'))
  level.full = false
  await store.put(key('a'), bytes('written'))
  expect(`${Buffer.from(await level.get(key('a')))}`).toBe('written')
  expect(await namesIn(open)).toEqual({ '/peers/a': 'written' })
})

test('holds no more than its limit, the newest', async () => {
  await using open = await openFilling()
  open.level.full = true
  for (let at = 0; at < limits.maxHeldPeerRecords + 5; at += 1) {
    await open.store.put(key(`${at}`), bytes('x'))
  }
  const names = Object.keys(await namesIn(open))
  expect(names).toHaveLength(limits.maxHeldPeerRecords)
  expect(names[0]).toBe('/peers/5')
})

test('a write that was cancelled is not held', async () => {
  await using open = await openFilling()
  const signal = AbortSignal.abort()
  await expect(open.store.put(key('a'), bytes('x'), { signal })).rejects.toThrow()
  expect(await namesIn(open)).toEqual({})
})
