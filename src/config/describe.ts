import type { LoadedConfig } from './load.ts'
import { settings } from './schema.ts'
import type { Setting, Settings } from './setting.ts'

/** One line of `prsm config show`. `value` is as a user would write it; of a secret only whether it is set. */
export type ConfigRow = {
  /** The key in the file, or the variable where a file cannot set it. */
  readonly name: string
  readonly variable: string
  readonly value: string
  readonly origin: string
}

/** What is in effect and where each value comes from, without secrets. */
export function describeConfig(loaded: LoadedConfig): readonly ConfigRow[] {
  return describeSettings(settings, loaded.values, loaded.origins)
}

/** The same for any table of settings. */
export function describeSettings<S extends Settings>(
  table: S,
  values: Readonly<Record<keyof S, unknown>>,
  origins: Readonly<Record<keyof S, string>>,
): readonly ConfigRow[] {
  return Object.entries(table).map(([name, setting]) => ({
    name: setting.key ?? setting.variable,
    variable: setting.variable,
    value: shown(setting, values[name]),
    origin: origins[name] ?? 'default',
  }))
}

function shown(setting: Setting, value: unknown): string {
  if (setting.secret !== true) return setting.show(value)
  return value === undefined ? 'not set' : 'set, not shown'
}
