import type { PinProgress } from '../core/pins.ts'
import { displayWidth, formatBytes, formatDuration, formatName, formatRate } from './display.ts'
import { shorten } from './progress-line.ts'
import type { ProgressForm } from './progress-view.ts'

/** Of those who are waited for, so many are named. */
const NAMED = 3

/** `1200 blocks, 450 MB fetched, 530 MB/s`, or what is waited for: `nothing has come for 7 s: waiting for PEER`. */
function pinText(progress: PinProgress): string {
  const { blocks, fetchedBytes, elapsedMs, stalled } = progress
  if (stalled !== undefined) return stallText(stalled)
  const here = `${blocks} blocks`
  if (fetchedBytes === 0) return here
  return `${here}, ${formatBytes(fetchedBytes)} fetched, ${formatRate(fetchedBytes, elapsedMs)}`
}

function stallText({ cid, forMs, waitingFor }: NonNullable<PinProgress['stalled']>): string {
  const silent = `nothing has come for ${formatDuration(forMs)}`
  if (waitingFor.length === 0) return `${silent}: waiting for ${cid}`
  const named = waitingFor.slice(0, NAMED).map(formatName).join(', ')
  const more = waitingFor.length - NAMED
  return `${silent}: waiting for ${more > 0 ? `${named} and ${more} more` : named}`
}

/** How the progress of a pin is told. */
export const pinForm: ProgressForm<PinProgress> = {
  text: pinText,
  line: (label, progress, columns) => {
    const text = shorten(pinText(progress), columns)
    const name = shorten(label, columns - displayWidth(text) - 2)
    return name === '' ? text : `${name}  ${text}`
  },
}
