/**
 * Adds up reports of Vitest and prints `N passed, N failed`: `count-tests.mjs [--add N] REPORT...`,
 * where `--add` counts N failures besides. A test that did not run is a failure, and so is a file that
 * could not be loaded. Exit 0: something passed and nothing failed.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  options: { add: { type: 'string', default: '0' } },
  allowPositionals: true,
})
let passed = 0
let failed = Number(values.add)
for (const path of positionals) {
  const report = JSON.parse(readFileSync(path, 'utf8'))
  const notRun = report.numTotalTests - report.numPassedTests - report.numFailedTests
  if (notRun > 0) console.error(`${path}: ${notRun} tests did not run`)
  const counted = report.numFailedTests + notRun
  passed += report.numPassedTests
  failed += report.success || counted > 0 ? counted : 1
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
