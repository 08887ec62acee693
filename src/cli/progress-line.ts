import type { Progress } from '../core/content.ts'
import { formatBytes, formatDuration, formatRate } from './display.ts'

const BAR_MAX = 30
const BAR_MIN = 8

/** What is known, in words: `42 %, 450 MB of 1.07 GB, 530 MB/s, 1.2 s left`. */
export function progressText(progress: Progress): string {
  return factsOf(progress).join(', ')
}

/** The same with a name and a bar, in at most `columns` characters: the bar goes first, then the name. */
export function progressLine(label: string, progress: Progress, columns: number): string {
  const facts = factsOf(progress).join('  ')
  const room = columns - facts.length - 2
  const shown = shorten(label, Math.max(0, Math.min(label.length, room)))
  const line = shown === '' ? facts : `${shown}  ${facts}`
  const width = Math.min(BAR_MAX, columns - line.length - 4)
  if (progress.percent === undefined || width < BAR_MIN) return line.slice(0, columns)
  return `${shown}  ${bar(progress.percent, width)}  ${facts}`
}

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

function shorten(text: string, width: number): string {
  if (text.length <= width) return text
  return width < 4 ? '' : `${text.slice(0, width - 1)}…`
}
