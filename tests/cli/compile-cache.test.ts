import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openPlace, prsm } from './prsm.ts'

test('what Node compiled is kept for the next command, in the folder for caches', async () => {
  await using place = await openPlace()
  const cache = join(place.path, 'cache')
  const { NODE_COMPILE_CACHE: _, ...env } = place.env
  const asUser = { ...place, env: { ...env, XDG_CACHE_HOME: cache } }
  expect((await prsm(['config', 'show'], asUser)).code).toBe(0)
  expect(readdirSync(join(cache, 'prsm')).length).toBeGreaterThan(0)
  expect((await prsm(['config', 'show'], asUser)).code).toBe(0)
})

test('a folder for caches that cannot be is none', async () => {
  await using place = await openPlace()
  const { NODE_COMPILE_CACHE: _, ...env } = place.env
  const asUser = { ...place, env: { ...env, XDG_CACHE_HOME: '/dev/null/none' } }
  const { code, stderr } = await prsm(['config', 'show'], asUser)
  expect([code, stderr]).toEqual([0, ''])
})
