import { PrsmError } from './errors.ts'

/** Least to most quiet, as pino orders them. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What has a log of its own: the folder of `src` that writes it. */
export const LOG_COMPONENTS = [
  'blocks',
  'db',
  'unixfs',
  'network',
  'retrieval',
  'uploads',
  'collection',
  'imports',
  'downloads',
  'node',
  'http',
  'gateway',
] as const
export type LogComponent = (typeof LOG_COMPONENTS)[number]

/** The level of everything, and of the components that have another. */
export type LogSpec = {
  readonly level: LogLevel
  readonly components: Readonly<Partial<Record<LogComponent, LogLevel>>>
}

export const DEFAULT_LOG_SPEC: LogSpec = { level: 'info', components: {} }

/**
 * Parses `PRSM_LOG`: items between commas, each a level for everything (`warn`), a level for a
 * component (`debug:blocks`) or one more component for the level before it (`debug:blocks,http`).
 * Throws CONFIG_INVALID.
 */
export function parseLogSpec(text: string): LogSpec {
  let level = DEFAULT_LOG_SPEC.level
  const components: Partial<Record<LogComponent, LogLevel>> = {}
  let open: LogLevel | undefined
  for (const item of text.split(',').map((part) => part.trim())) {
    const [first = '', second, ...rest] = item.split(':')
    if (rest.length > 0) throw invalid(item)
    if (second !== undefined) {
      open = asLevel(first)
      components[asComponent(second)] = open
    } else if (open !== undefined && isOneOf(LOG_COMPONENTS, first)) {
      components[first] = open
    } else {
      level = asLevel(first)
      open = undefined
    }
  }
  return { level, components }
}

function asLevel(text: string): LogLevel {
  if (isOneOf(LOG_LEVELS, text)) return text
  throw invalid(text)
}

function asComponent(text: string): LogComponent {
  if (isOneOf(LOG_COMPONENTS, text)) return text
  throw invalid(text)
}

function isOneOf<T extends string>(all: readonly T[], text: string): text is T {
  return all.some((one) => one === text)
}

function invalid(text: string): PrsmError {
  return new PrsmError('CONFIG_INVALID', `${JSON.stringify(text)} is no log level or component`, {
    hint: `levels are ${LOG_LEVELS.join(', ')}; components ${LOG_COMPONENTS.join(', ')}; as in info, debug:blocks,http or warn,debug:http`,
  })
}
