import { isPrsmError, type PrsmError, toPrsmError } from '../core/errors.ts'
import type { PinProgress } from '../core/pins.ts'
import { formatName } from './display.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { interruptSignal } from './interrupt.ts'
import { pinForm } from './pin-line.ts'
import { bytesForm } from './progress-line.ts'
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
  /** One of several things went wrong, and the others go on. */
  complain(about: string, error: PrsmError): void
  progress(label: string): ProgressView
  pinProgress(label: string): ProgressView<PinProgress>
}

/** What went wrong is told already; this is what to exit with. */
export class AlreadyTold extends Error {
  override readonly name = 'AlreadyTold'
  readonly exitCode: number

  constructor(exitCode: number) {
    super('told already')
    this.exitCode = exitCode
  }
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
    complain: (about, error) =>
      complain(json ? jsonOf(error, { about }) : textOf(error, `${formatName(about)}: `)),
    progress: (label) => (json ? jsonProgress(stdout) : progressView(label, bytesForm)),
    pinProgress: (label) => (json ? jsonProgress(stdout) : progressView(label, pinForm)),
  }
}

/** Tells `thrown` on stderr, and returns what to exit with. */
export function report(session: Session, thrown: unknown): number {
  if (thrown instanceof ReaderGone) return exitCodes.ok[0]
  if (thrown instanceof AlreadyTold) return thrown.exitCode
  const error = session.signal.aborted && !isPrsmError(thrown) ? cancelled() : toPrsmError(thrown)
  process.stderr.write(`${session.json ? jsonOf(error) : textOf(error)}\n`)
  return exitCodeOf(error.code)
}

function cancelled(): PrsmError {
  return toPrsmError(new DOMException('cancelled', 'AbortError'))
}

function jsonOf({ code, message, hint, details }: PrsmError, more: object = {}): string {
  return JSON.stringify({
    ...more,
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  })
}

function textOf({ code, message, hint, cause }: PrsmError, about = ''): string {
  const lines = [`prsm: ${about}${message}`]
  if (hint !== undefined) lines.push(`  ${hint}`)
  // A fault of ours is to be reported: then its trace is worth more than a tidy screen.
  if (code === 'INTERNAL' && cause instanceof Error) lines.push(String(cause.stack))
  return lines.join('\n')
}
