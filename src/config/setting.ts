import { z } from 'zod'
import { PrsmError } from '../core/errors.ts'

/**
 * One thing a user can set, with all that is said about it: the zod schema, the table in
 * docs/CONFIGURATION.md and `prsm config show` are derived from objects of this type.
 */
export type Setting<T = unknown> = {
  /** Where it stands in the file, as a path of keys: `api.listen`. Null: a file cannot set it. */
  readonly key: string | null
  readonly variable: string
  /** As the help shows it, with the name of its value: `--listen ADDRESS`. */
  readonly flag: string
  /** Turns text into the value: every source gives text. */
  readonly type: z.ZodType<T, string>
  /** The value when no source names one. */
  readonly fallback: T
  /** How the docs say the default, where `show(fallback)` cannot. */
  readonly fallbackText?: string
  readonly unit: string
  readonly meaning: string
  /** Its value is never shown, and `<variable>_FILE` may name a file that holds it. */
  readonly secret?: boolean
  /** It is a path: a relative one starts at the file's folder, or where the program was started. */
  readonly path?: boolean
  /** The value as a user would write it. */
  show(value: T): string
}

export type Settings = Readonly<Record<string, Setting>>

export type ValuesOf<S extends Settings> = { [K in keyof S]: z.output<S[K]['type']> }

/** Keeps the type of a setting's value. */
export function setting<T>(described: Setting<T>): Setting<T> {
  return described
}

/** A zod type from a function that reads text and throws `PrsmError` with what to do instead. */
export function fromText<T>(parse: (text: string) => T): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      context.issues.push({ code: 'custom', message: faultText(error), input: text })
      return z.NEVER
    }
  })
}

function faultText(error: unknown): string {
  if (!(error instanceof PrsmError)) throw error
  return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
}

/** The zod schema of a table: an object of texts goes in, typed values come out. Each may be absent. */
export function schemaOf<S extends Settings>(settings: S) {
  const types = Object.entries(settings).map(([name, { type }]) => [name, type] as const)
  return z.object(Object.fromEntries(types)).partial() as unknown as z.ZodType<
    Partial<ValuesOf<S>>,
    Partial<Record<keyof S, string>>
  >
}
