/** The whole suite: `node tests/crash/main.ts [--runs 10000] [--mode kill] [--seed 1] [--without PLACE]`. */
import { stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { modes } from './support/runs.ts'
import { runSuite } from './support/suite.ts'

const { values } = parseArgs({
  options: {
    mode: { type: 'string' },
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    without: { type: 'string' },
  },
})
for (const mode of modes.filter((name) => values.mode === undefined || name === values.mode)) {
  const { runs, found, seconds } = await runSuite({
    ...{ mode, runs: Number(values.runs), seed: Number(values.seed) },
    ...(values.without !== undefined && { without: values.without }),
  })
  stdout.write(`${mode}: ${runs} runs in ${seconds.toFixed(0)} s\n${found.join('\n')}\n`)
  if (found.length > 0) process.exitCode = 1
}
