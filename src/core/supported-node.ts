import { PrsmError } from './errors.ts'

/** The oldest Node this runs on: `engines` of package.json (a test compares the two). */
export const OLDEST_NODE = '24.15'

/** Throws UNSUPPORTED_PLATFORM for a Node (`20.20.2`) that is too old. */
export function assertSupportedNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split('.').map(Number)
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  throw new PrsmError(
    'UNSUPPORTED_PLATFORM',
    `PRSM needs Node ${OLDEST_NODE}, this is ${version}`,
    {
      hint: `install Node ${OLDEST_NODE} or later and start again with it first on PATH`,
    },
  )
}

// The library imports this module before all others: an older Node dies of SIGSEGV, without a word,
// when it loads the SQLite driver.
assertSupportedNode(process.versions.node)
