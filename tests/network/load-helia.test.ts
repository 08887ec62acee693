import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { loadHelia } from '../../src/network/load-helia.ts'
import { partsNotSeen, standIn, unusedPart } from '../../src/network/unused-parts.ts'
import { repository } from '../support/command.ts'

const HELIA_LIBP2P = 'file:///project/node_modules/@helia/libp2p/dist/src/index.js'

/** The native libraries that this process has loaded. */
function nativeLibraries(): readonly string[] {
  const report: unknown = process.report.getReport()
  if (typeof report !== 'object' || report === null || !('sharedObjects' in report)) return []
  return Array.isArray(report.sharedObjects) ? report.sharedObjects.map(String) : []
}

test('Helia comes without WebRTC, and what was left out says so', async () => {
  const { composeHelia } = await loadHelia()
  const { libp2pDefaults } = await import('@helia/libp2p')
  expect(libp2pDefaults).toThrow('libp2pDefaults of ./utils/libp2p-defaults.js is left out')
  expect(composeHelia({}, {}, {}).status).toBe('stopped')
  expect(nativeLibraries().length).toBeGreaterThan(3)
  expect(nativeLibraries().filter((path) => path.includes('datachannel'))).toEqual([])
})

test('without a key of its own, a node says what is missing, and is stopped', async () => {
  const { composeHelia } = await loadHelia()
  const helia = composeHelia({}, {}, {})
  await expect(helia.start()).rejects.toThrow('loadOrCreateSelfKey of @libp2p/config is left out')
  await helia.stop()
})

test('after it, every module is found as before', async () => {
  await loadHelia()
  const importer = join(repository, 'node_modules/@helia/libp2p/dist/src/index.js')
  const specifier = './utils/libp2p-defaults.js'
  expect(unusedPart(specifier, importer)).toBeDefined()
  expect(createRequire(importer).resolve(specifier)).toBe(join(dirname(importer), specifier))
})

test('a part is one import of one file of Helia', () => {
  expect(unusedPart('./utils/libp2p-defaults.js', '/elsewhere/index.js')).toBeUndefined()
  expect(unusedPart('./routing.js', HELIA_LIBP2P)).toBeUndefined()
  expect(unusedPart('@libp2p/config', HELIA_LIBP2P)?.functions).toEqual(['loadOrCreateSelfKey'])
})

test('a part that nobody imports any more is told', () => {
  const part = unusedPart('@libp2p/config', HELIA_LIBP2P)
  if (part === undefined) throw new Error('not in the list')
  const others = partsNotSeen(new Set([part])).map(({ specifier }) => specifier)
  expect(others).toContain('@helia/http')
  expect(others).not.toContain('@libp2p/config')
  expect(standIn(part)).toContain('export function loadOrCreateSelfKey()')
})
