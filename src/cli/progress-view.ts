import { environment } from '../config/env.ts'
import type { Progress } from '../core/content.ts'
import { formatName } from './display.ts'
import type { StandardOutput } from './standard-output.ts'

/** Shows how far something is. `end` takes a line that is rewritten away again. */
export type ProgressView<Told = Progress> = {
  readonly onProgress: (progress: Told) => void
  readonly end: () => void
}

/** How progress is put in words. */
export type ProgressForm<Told> = {
  /** With a label, in at most `columns` columns. */
  line(label: string, progress: Told, columns: number): string
  text(progress: Told): string
}

/** Milliseconds between two lines where a line cannot be rewritten. */
const PLAIN_MS = 5000
const DEFAULT_COLUMNS = 80
const CLEAR_LINE = '\r\u001b[K'

/** One line that is rewritten on a terminal, else a plain one every few seconds, on stderr. */
export function progressView<Told>(label: string, form: ProgressForm<Told>): ProgressView<Told> {
  const shown = formatName(label)
  const rewritable = process.stderr.isTTY && environment()['TERM'] !== 'dumb'
  return rewritable ? rewrittenLine(shown, form) : plainLines(shown, form)
}

/** With `--json`: each as an object on a line of stdout. */
export function jsonProgress(output: StandardOutput): ProgressView<object> {
  return {
    onProgress: (progress) => {
      output.line(JSON.stringify(progress)).catch(() => {})
    },
    end: () => {},
  }
}

function rewrittenLine<Told>(label: string, form: ProgressForm<Told>): ProgressView<Told> {
  return {
    onProgress: (progress) => {
      const columns = process.stderr.columns || DEFAULT_COLUMNS
      // The last column stays free: a terminal that wraps would leave the line standing.
      process.stderr.write(`${CLEAR_LINE}${form.line(label, progress, columns - 1)}`)
    },
    end: () => process.stderr.write(CLEAR_LINE),
  }
}

function plainLines<Told>(label: string, form: ProgressForm<Told>): ProgressView<Told> {
  let toldAt = performance.now()
  const onProgress = (progress: Told): void => {
    const now = performance.now()
    if (now - toldAt < PLAIN_MS) return
    toldAt = now
    process.stderr.write(`${label}: ${form.text(progress)}\n`)
  }
  return { onProgress, end: () => {} }
}
