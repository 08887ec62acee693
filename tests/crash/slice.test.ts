import { expect, it } from 'vitest'
import { modes } from './support/runs.ts'
import { runSuite } from './support/suite.ts'

const RUNS = 150

it.each(modes)('150 runs of the mode %s lose nothing that was acknowledged', async (mode) => {
  const { runs, found } = await runSuite({ mode, runs: RUNS })
  expect(found).toEqual([])
  expect(runs).toBeGreaterThanOrEqual(RUNS)
})
