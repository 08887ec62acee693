/** Writes the tables of docs/CONFIGURATION.md from the settings: `node scripts/config-docs.ts`. */
import { readFile, writeFile } from 'node:fs/promises'
import { laterVariables } from '../src/config/later-variables.ts'
import { settings } from '../src/config/schema.ts'
import type { Setting } from '../src/config/setting.ts'

export const configDocs = new URL('../docs/CONFIGURATION.md', import.meta.url)

/** `page` with the tables between its markers made anew. Throws when a marker is missing. */
export function withTables(page: string): string {
  return between(between(page, 'settings', settingsTable()), 'later', laterTable())
}

function between(page: string, name: string, table: string): string {
  const [start, end] = [`<!-- ${name}: made by scripts/config-docs.ts -->`, `<!-- /${name} -->`]
  const [before, , after] = page.split(new RegExp(`(?<=${start}\n)([^]*)(?=${end})`))
  if (before === undefined || after === undefined) throw new Error(`no marker ${start}`)
  return `${before}\n${table}\n\n${after}`
}

function settingsTable(): string {
  const rows = Object.values<Setting>(settings).map((setting) => [
    code(setting.variable),
    setting.key === null ? '–' : code(setting.key),
    code(setting.flag),
    setting.fallbackText ?? code(setting.show(setting.fallback)),
    setting.unit,
    setting.secret === true ? `${setting.meaning} (secret)` : setting.meaning,
  ])
  return table(['variable', 'key in the file', 'flag', 'default', 'unit', 'meaning'], rows)
}

function laterTable(): string {
  const rows = laterVariables.map(({ variable, unit, instead }) => [
    code(variable),
    unit,
    instead === undefined ? 'no effect yet' : `no effect; use ${code(instead)}`,
  ])
  return table(['variable', 'unit', 'here'], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function code(text: string): string {
  return `\`${text}\``
}

if (import.meta.main) {
  await writeFile(configDocs, withTables(await readFile(configDocs, 'utf8')))
}
