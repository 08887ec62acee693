import { format } from 'node:util'
import type { ComponentLogger, Logger as Libp2pLogger } from '@libp2p/interface'
import type { Logger } from '../telemetry/logger.ts'

/** libp2p's and Helia's own log lines, at `debug` and `trace`: what matters to a user is logged by us. */
export function bridgeLog(log: Logger): ComponentLogger {
  return { forComponent: (name) => scoped(log, name) }
}

function scoped(log: Logger, scope: string): Libp2pLogger {
  const write = (level: 'debug' | 'trace') => {
    return (formatter: unknown, ...args: readonly unknown[]): void => {
      if (log.isLevelEnabled(level)) log[level]({ scope }, textOf(formatter, args))
    }
  }
  const trace = write('trace')
  return Object.defineProperties(
    Object.assign(trace, {
      error: write('debug'),
      trace,
      newScope: (name: string) => scoped(log, `${scope}:${name}`),
      enabled: false,
    }),
    { enabled: { get: () => log.isLevelEnabled('trace') } },
  )
}

/** Placeholders as the libraries use them (`%p` a peer, `%c` a CID, `%e` an error) are texts here. */
function textOf(formatter: unknown, args: readonly unknown[]): string {
  if (formatter instanceof Error) return formatter.message
  const pattern = String(formatter).replace(/%[a-zA-Z]/g, '%s')
  return format(pattern, ...args.map(shortText))
}

function shortText(value: unknown): string {
  return value instanceof Error ? value.message : String(value)
}
