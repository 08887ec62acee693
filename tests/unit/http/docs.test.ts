import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { httpDocs, withTables } from '../../../scripts/http-docs.ts'
import { statusOf } from '../../../src/http/status.ts'

/** Codes of the library and the command line alone: a daemon that has them does not answer. */
const NOT_OVER_HTTP = [
  'CONFIG_INVALID',
  'FILE_NOT_FOUND',
  'FILE_UNREADABLE',
  'FILE_UNWRITABLE',
  'BLOCK_REJECTED',
  'STORE_TOO_NEW',
  'ADDRESS_IN_USE',
  'DAEMON_UNREACHABLE',
  'UNSUPPORTED_PLATFORM',
]

/** Codes of the gateway alone: docs/GATEWAY.md has its answers. */
const OF_GATEWAY = ['NOT_ACCEPTABLE', 'NOT_CACHED', 'NOT_IMPLEMENTED', 'TOO_MANY_REQUESTS']

describe('docs/HTTP.md', () => {
  it('has the tables that the code makes (else run: node scripts/http-docs.ts)', async () => {
    const page = await readFile(httpDocs, 'utf8')
    expect(page).toBe(withTables(page))
  })

  it('tells the status of every error that the API answers with', async () => {
    const page = await readFile(httpDocs, 'utf8')
    const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \| (\d{3}) \| .+ \|$/gm)]
    const told = rows.map(([, code = '', status]) => [code, Number(status)] as const)
    const others = [...NOT_OVER_HTTP, ...OF_GATEWAY]
    const expected = Object.entries(statusOf).filter(([code]) => !others.includes(code))
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(expected))
    expect(told).toHaveLength(expected.length)
  })

  it('would not pass with a stale table', async () => {
    const page = await readFile(httpDocs, 'utf8')
    const stale = page.replace('| `STORAGE_FULL` | 507 |', '| `STORAGE_FULL` | 500 |')
    expect(stale).not.toBe(page)
    expect(withTables(stale)).toBe(page)
    expect(() => withTables('nothing')).toThrow(/no marker/)
  })
})
