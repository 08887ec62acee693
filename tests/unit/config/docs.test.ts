import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { configDocs, withTables } from '../../../scripts/config-docs.ts'
import { settings } from '../../../src/config/schema.ts'
import type { Setting } from '../../../src/config/setting.ts'

describe('docs/CONFIGURATION.md', () => {
  it('has the tables that the settings make (else run: node scripts/config-docs.ts)', async () => {
    const page = await readFile(configDocs, 'utf8')
    expect(page).toBe(withTables(page))
    expect(page).toContain('| `PRSM_MAX_FILE_SIZE` | `maxFileSize` |')
    expect(page).toMatch(/\| `PRSM_INTEGRITY_CHECK_HOURS` \| hours \|/)
  })

  it('would not pass with a stale table', async () => {
    const page = await readFile(configDocs, 'utf8')
    const stale = page.replace('| `1GiB` |', '| `2GiB` |')
    expect(stale).not.toBe(page)
    expect(withTables(stale)).toBe(page)
    expect(() => withTables('nothing')).toThrow(/no marker/)
  })
})

describe('the settings', () => {
  it.each(Object.values<Setting>(settings))(
    '$variable has a default that its own type reads',
    (each) => {
      if (each.fallback === undefined) expect(each.fallbackText).toBeTruthy()
      else expect(each.type.parse(each.show(each.fallback))).toEqual(each.fallback)
    },
  )

  it('have names that tell them apart', () => {
    const all = Object.values<Setting>(settings)
    for (const pick of [(s: Setting) => s.variable, (s: Setting) => s.flag.split(' ')[0]]) {
      expect(new Set(all.map(pick)).size).toBe(all.length)
    }
  })

  it('have flags with the names commander gives them', () => {
    for (const [name, { flag }] of Object.entries<Setting>(settings)) {
      const camel = flag
        .replace(/^--| .*/g, '')
        .replace(/-(.)/g, (_, letter) => letter.toUpperCase())
      expect(camel).toBe(name)
    }
  })
})
