import { isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { nearest } from './nearest.ts'
import type { Settings } from './setting.ts'
import {
  type ConfigFile,
  type Fault,
  faulty,
  type Given,
  placed,
  type Source,
  suggestion,
} from './source.ts'

/** One value of a file: `text` is undefined where a list, an alias or nothing stands. */
type Leaf = { readonly key: string; readonly line: number; readonly text: string | undefined }

/** Reads YAML in its failsafe schema: a value is the text that stands there, so that all sources are read alike. */
export function parseFile<S extends Settings>(
  settings: S,
  file: ConfigFile,
  text: string,
): Source<S> {
  const lines = new LineCounter()
  const options = { schema: 'failsafe', lineCounter: lines, prettyErrors: false } as const
  const { contents, errors } = parseDocument(text, options)
  if (errors.length > 0) {
    const quote = "quote a value that begins with [ or {, as in '[::1]:8000'"
    return faulty(
      errors.map(({ message, pos }) => ({
        origin: `${file.shown}:${lines.linePos(pos[0]).line}`,
        message: `not YAML: ${message}; ${quote}`,
      })),
    )
  }
  if (isMap(contents)) return sorted(settings, file, [...leaves(contents, [], lines)])
  if (contents === null || (isScalar(contents) && contents.value === '')) return faulty([])
  return faulty([
    { origin: file.shown, message: 'not a map of settings; write lines of `key: value`' },
  ])
}

function* leaves(map: YAMLMap, above: readonly string[], lines: LineCounter): Iterable<Leaf> {
  for (const pair of map.items as readonly Pair[]) {
    const keys = [...above, isScalar(pair.key) ? String(pair.key.value) : 'a complex key']
    if (isMap(pair.value) && pair.value.items.length > 0) yield* leaves(pair.value, keys, lines)
    else yield leaf(pair, keys.join('.'), lines)
  }
}

function leaf({ key, value }: Pair, path: string, lines: LineCounter): Leaf {
  const start = isScalar(key) ? key.range?.[0] : undefined
  const text = isScalar(value) && value.value !== '' ? String(value.value) : undefined
  return { key: path, line: lines.linePos(start ?? 0).line, text }
}

function sorted<S extends Settings>(
  settings: S,
  file: ConfigFile,
  found: readonly Leaf[],
): Source<S> {
  const given: Record<string, Given> = {}
  const faults: Fault[] = []
  for (const { key, line, text } of found) {
    const origin = `${file.shown}:${line} ${key}`
    const [name, setting] = Object.entries(settings).find(([, each]) => each.key === key) ?? []
    if (name === undefined || setting === undefined) {
      faults.push({ origin, message: unknownKey(settings, key) })
    } else if (text === undefined) {
      faults.push({ origin, message: 'takes one value; give it one or remove the line' })
    } else given[name] = { text: placed(setting, text, file.folder), origin }
  }
  return { given: given as Source<S>['given'], faults, warnings: [] }
}

function unknownKey(settings: Settings, key: string): string {
  const keys = Object.values(settings).flatMap((each) => each.key ?? [])
  const inside = keys.filter((each) => each.startsWith(`${key}.`))
  if (inside.length > 0) return `holds settings of its own: ${inside.join(', ')}`
  const outer = keys.find((each) => key.startsWith(`${each}.`))
  if (outer !== undefined) return `${outer} takes one value, not keys of its own`
  return `not a setting${suggestion(nearest(key, keys))}`
}
