import type { Progress } from '../core/content.ts'
import { displayWidth, formatBytes, formatDuration, formatRate } from './display.ts'
import type { ProgressForm } from './progress-view.ts'

const BAR_MAX = 30
const BAR_MIN = 8
const GAP = '  '

/** What is known, in words: `42 %, 450 MB of 1.07 GB, 530 MB/s, 1.2 s left`. */
export function progressText(progress: Progress): string {
  return factsOf(progress).join(', ')
}

/** The same with a name and a bar, in at most `columns` columns: the bar goes first, then the name. */
export function progressLine(label: string, progress: Progress, columns: number): string {
  const facts = factsOf(progress).join(GAP)
  const name = shorten(label, columns - facts.length - GAP.length)
  const used = displayWidth([name, facts].filter(Boolean).join(GAP))
  const width = Math.min(BAR_MAX, columns - used - GAP.length - 2)
  const shownBar =
    progress.percent === undefined || width < BAR_MIN ? '' : bar(progress.percent, width)
  const line = [name, shownBar, facts].filter(Boolean).join(GAP)
  return name === '' ? line.slice(0, columns) : line
}

/** How the progress of bytes is told. */
export const bytesForm: ProgressForm<Progress> = { line: progressLine, text: progressText }

function factsOf({ bytesDone, bytesTotal, percent, elapsedMs, remainingMs }: Progress): string[] {
  const size =
    bytesTotal === undefined
      ? formatBytes(bytesDone)
      : `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`
  return [
    ...(percent === undefined ? [] : [`${Math.floor(percent)} %`]),
    size,
    formatRate(bytesDone, elapsedMs),
    ...(remainingMs === undefined ? [] : [`${formatDuration(remainingMs)} left`]),
  ]
}

function bar(percent: number, width: number): string {
  const full = Math.round((width * percent) / 100)
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}]`
}

/** `text` in at most `columns` columns; empty where nothing of it would be left to see. */
export function shorten(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  if (columns < 4) return ''
  let kept = ''
  for (const character of text) {
    if (displayWidth(kept + character) > columns - 1) break
    kept += character
  }
  return `${kept}…`
}
