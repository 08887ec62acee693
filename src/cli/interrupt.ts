import { exitCodes } from './exit-codes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Below npm, one Ctrl-C comes twice: from the terminal, and handed on by npm. */
const SAME_MS = 300

/** A signal that aborts at the first Ctrl-C (or `kill`). The second one ends the process at once. */
export function interruptSignal(): AbortSignal {
  const control = new AbortController()
  let firstAt = Number.NaN
  const onSignal = (signal: NodeJS.Signals): void => {
    if (performance.now() - firstAt > SAME_MS) process.exit(exitCodes.cancelled[0])
    if (control.signal.aborted) return
    firstAt = performance.now()
    control.abort(new DOMException(`stopped by ${signal}`, 'AbortError'))
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return control.signal
}
