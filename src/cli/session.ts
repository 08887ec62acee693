import { isPrsmError, type PrsmError, toPrsmError } from '../core/errors.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { interruptSignal } from './interrupt.ts'
import { jsonProgress, type ProgressView, progressView } from './progress-view.ts'
import { ReaderGone, StandardOutput } from './standard-output.ts'

/** One run of `prsm`: where it writes, how, and what stops it. */
export type Session = {
  readonly json: boolean
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal
  readonly stdout: StandardOutput
  /** The result: an object with `--json`, else its text. */
  result(value: object, text: string): Promise<void>
  /** Something for people, on stderr. Nothing with `--json`. */
  note(text: string): void
  /** A sentence on stderr that is no result and no error. */
  warn(text: string): void
  progress(label: string): ProgressView
}

export function openSession(json: boolean): Session {
  const stdout = new StandardOutput(process.stdout)
  const complain = (text: string): void => void process.stderr.write(`${text}\n`)
  process.stderr.on('error', () => {})
  return {
    json,
    signal: interruptSignal(),
    stdout,
    result: (value, text) => stdout.line(json ? JSON.stringify(value) : text),
    note: (text) => (json ? undefined : complain(text)),
    warn: (text) => complain(json ? JSON.stringify({ warning: text }) : `prsm: warning: ${text}`),
    progress: (label) => (json ? jsonProgress(stdout) : progressView(label)),
  }
}

/** Tells `thrown` on stderr, and returns what to exit with. */
export function report(session: Session, thrown: unknown): number {
  if (thrown instanceof ReaderGone) return exitCodes.ok[0]
  const error = session.signal.aborted && !isPrsmError(thrown) ? cancelled() : toPrsmError(thrown)
  process.stderr.write(`${session.json ? jsonOf(error) : textOf(error)}\n`)
  return exitCodeOf(error.code)
}

function cancelled(): PrsmError {
  return toPrsmError(new DOMException('cancelled', 'AbortError'))
}

function jsonOf({ code, message, hint, details }: PrsmError): string {
  return JSON.stringify({
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  })
}

function textOf({ code, message, hint, cause }: PrsmError): string {
  const lines = [`prsm: ${message}`]
  if (hint !== undefined) lines.push(`  ${hint}`)
  // A fault of ours is to be reported: then its trace is worth more than a tidy screen.
  if (code === 'INTERNAL' && cause instanceof Error) lines.push(String(cause.stack))
  return lines.join('\n')
}
