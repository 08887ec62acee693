import { type Setting, type Settings, schemaOf, type ValuesOf } from './setting.ts'
import { type Fault, type Given, invalid, type Source } from './source.ts'

type Settled<S extends Settings> = {
  readonly values: ValuesOf<S>
  readonly origins: Readonly<Record<keyof S, string>>
}

/** The text of each setting that some source gives; a later source wins. */
export function winners<S extends Settings>(sources: readonly Source<S>[]): Source<S>['given'] {
  return Object.assign({}, ...sources.map(({ given }) => given))
}

/** Checks all of every source, lowest first, and lets the later ones win. Throws CONFIG_INVALID with every fault. */
export function settle<S extends Settings>(table: S, sources: readonly Source<S>[]): Settled<S> {
  const faults = sources.flatMap((source) => [...source.faults, ...check(table, source.given)])
  if (faults.length > 0) throw invalid(faults)
  const won = winners(sources)
  const checked = schemaOf(table).parse(texts(won))
  const names: readonly (keyof S)[] = Object.keys(table)
  const values = names.map((name) => [name, name in won ? checked[name] : table[name]?.fallback])
  const origins = names.map((name) => [name, won[name]?.origin ?? 'default'])
  return { values: Object.fromEntries(values), origins: Object.fromEntries(origins) }
}

function check<S extends Settings>(table: S, given: Source<S>['given']): readonly Fault[] {
  const issues = schemaOf(table).safeParse(texts(given)).error?.issues ?? []
  return issues.map(({ path, message }) => {
    const name = String(path[0])
    return { origin: given[name]?.origin ?? name, message: sayable(table[name], message) }
  })
}

/** What a parser says quotes the value, and a secret is not shown. */
function sayable(setting: Setting | undefined, message: string): string {
  return setting?.secret === true ? 'the value is not valid (a secret is not shown)' : message
}

function texts<S extends Settings>(given: Source<S>['given']): Partial<Record<keyof S, string>> {
  const entries = Object.entries<Given | undefined>(given)
  return Object.fromEntries(
    entries.flatMap(([name, each]) => (each ? [[name, each.text]] : [])),
  ) as Partial<Record<keyof S, string>>
}
