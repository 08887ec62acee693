import { resolve } from 'node:path'
import { PrsmError } from '../core/errors.ts'
import type { Setting, Settings } from './setting.ts'

/** A value as one source gives it. `origin` says where a user finds it: `prsm.config.yaml:3`, `PRSM_LOG`. */
export type Given = { readonly text: string; readonly origin: string }

/** What is wrong, where it stands, and in the same sentence what to do instead. */
export type Fault = { readonly origin: string; readonly message: string }

/** What one source (flags, environment, file) says, before anything is checked. */
export type Source<S extends Settings> = {
  readonly given: Partial<Record<keyof S, Given>>
  readonly faults: readonly Fault[]
  readonly warnings: readonly string[]
}

/** A file that may be there: relative paths in it begin at `folder`, `shown` is its name in messages. */
export type ConfigFile = { readonly path: string; readonly folder: string; readonly shown: string }

/** The environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A source that says nothing but what is wrong with it. */
export function faulty<S extends Settings>(faults: readonly Fault[]): Source<S> {
  return { given: {}, faults, warnings: [] }
}

/** The text of a setting; a relative path starts at `base`. `` and `~` stay, so that their parser can refuse them. */
export function placed(setting: Setting, text: string, base: string): string {
  const isPath = setting.path === true && text !== '' && !text.startsWith('~')
  return isPath ? resolve(base, text) : text
}

/** ` (did you mean …?)`, or nothing. */
export function suggestion(name: string | undefined): string {
  return name === undefined ? '' : ` (did you mean ${name}?)`
}

/** What the flags say. An empty one is a fault of its parser, not absent. */
export function flagSource<S extends Settings>(
  table: S,
  flags: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Source<S> {
  const given: Record<string, Given> = {}
  for (const [name, setting] of Object.entries(table)) {
    const text = flags[name]
    const origin = setting.flag.replace(/ .*/, '')
    if (text !== undefined) given[name] = { text: placed(setting, text, cwd), origin }
  }
  return { given: given as Source<S>['given'], faults: [], warnings: [] }
}

/** CONFIG_INVALID with all `faults`: one a line in the message, as objects in `details.faults`. */
export function invalid(faults: readonly Fault[]): PrsmError {
  const lines = faults.map(({ origin, message }) => `\n  ${origin}: ${message}`)
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
  return new PrsmError('CONFIG_INVALID', `the configuration has ${count}:${lines.join('')}`, {
    hint: 'docs/CONFIGURATION.md lists all settings',
    details: { faults },
  })
}
