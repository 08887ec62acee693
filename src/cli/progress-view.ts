import { environment } from '../config/env.ts'
import type { OnProgress, Progress } from '../core/content.ts'
import { formatName } from './display.ts'
import { progressLine, progressText } from './progress-line.ts'
import type { StandardOutput } from './standard-output.ts'

/** Shows how far something is. `end` takes a line that is rewritten away again. */
export type ProgressView = { readonly onProgress: OnProgress; readonly end: () => void }

/** Milliseconds between two lines where a line cannot be rewritten. */
const PLAIN_MS = 5000
const DEFAULT_COLUMNS = 80
const CLEAR_LINE = '\r\u001b[K'

/** One line that is rewritten on a terminal, else a plain one every few seconds, on stderr. */
export function progressView(label: string): ProgressView {
  const shown = formatName(label)
  const rewritable = process.stderr.isTTY && environment()['TERM'] !== 'dumb'
  return rewritable ? rewrittenLine(shown) : plainLines(shown)
}

/** With `--json`: each as an object on a line of stdout. */
export function jsonProgress(output: StandardOutput): ProgressView {
  return {
    onProgress: (progress) => {
      output.line(JSON.stringify(progress)).catch(() => {})
    },
    end: () => {},
  }
}

function rewrittenLine(label: string): ProgressView {
  return {
    onProgress: (progress) => {
      const columns = process.stderr.columns || DEFAULT_COLUMNS
      // The last column stays free: a terminal that wraps would leave the line standing.
      process.stderr.write(`${CLEAR_LINE}${progressLine(label, progress, columns - 1)}`)
    },
    end: () => process.stderr.write(CLEAR_LINE),
  }
}

function plainLines(label: string): ProgressView {
  let toldAt = performance.now()
  const onProgress = (progress: Progress): void => {
    const now = performance.now()
    if (now - toldAt < PLAIN_MS) return
    toldAt = now
    process.stderr.write(`${label}: ${progressText(progress)}\n`)
  }
  return { onProgress, end: () => {} }
}
