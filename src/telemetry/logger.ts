import { isatty } from 'node:tty'
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import type { LogComponent, LogSpec } from '../core/log-spec.ts'
import { readable } from './readable-log.ts'

/** pino's logger; a host application may hand over its own. */
export type Logger = PinoLogger

export type LoggerOptions = {
  /** Default: standard error, JSON lines; one readable line each when it is a terminal. */
  readonly destination?: DestinationStream
}

const STDERR = 2

/** Names under which a secret may stand in what is logged, down to three levels. */
const SECRETS = ['authorization', 'cookie', 'set-cookie', 'apiKey', 'secret', 'password', 'token']

/** Makes the log of a process. Each `child` takes the level that `spec` gives its component. */
export function createLogger(spec: LogSpec, options: LoggerOptions = {}): Logger {
  return pino(
    {
      level: spec.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths(), censor: '[redacted]' },
      onChild: (logger) => applyLevel(logger, spec),
    },
    options.destination ?? standardError(),
  )
}

/** The log of one component of ours, under the level it has in the specification of `logger`. */
export function child(logger: Logger, component: LogComponent): Logger {
  return logger.child({ component })
}

/** Writes nothing: the library's default. */
export const silentLogger: Logger = pino({ level: 'silent' }, { write: () => undefined })

function standardError(): DestinationStream {
  const lines = pino.destination({ fd: STDERR, sync: true })
  return isatty(STDERR) ? { write: (line) => lines.write(readable(line)) } : lines
}

function applyLevel(logger: Logger, spec: LogSpec): void {
  const component: unknown = logger.bindings()['component']
  for (const [name, level] of Object.entries(spec.components)) {
    if (name === component) logger.level = level
  }
}

function redactedPaths(): string[] {
  return SECRETS.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`])
}
