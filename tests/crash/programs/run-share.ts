/** A share of the runs of a mode, told as JSON; says how many there were, or exits with what was found. */
import { writeSync } from 'node:fs'
import { runShare, type ShareInit } from '../support/share.ts'
import { useSmallLimits } from '../support/small-limits.ts'

const init: ShareInit = JSON.parse(process.argv[2] ?? '')
const FOUND = 3
useSmallLimits()
process.on('unhandledRejection', (error) =>
  found(new Error('nobody heard of it', { cause: error })),
)
try {
  writeSync(1, `${JSON.stringify({ runs: await runShare(init) })}\n`)
} catch (error) {
  found(error)
}

function found(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  writeSync(1, `${JSON.stringify({ found: text })}\n`)
  process.exit(FOUND)
}
