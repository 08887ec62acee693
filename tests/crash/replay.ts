/** One run again: `node tests/crash/replay.ts --mode kill --seed 7 --step 123 [--without PLACE] [--times 10]`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { modes } from './support/runs.ts'
import { replay } from './support/share.ts'
import { useSmallLimits } from './support/small-limits.ts'

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'kill' },
    seed: { type: 'string', default: '1' },
    step: { type: 'string', default: '1' },
    without: { type: 'string' },
    times: { type: 'string', default: '1' },
  },
})
const mode = modes.find((name) => name === values.mode)
if (mode === undefined) throw new Error(`--mode is one of ${modes.join(', ')}`)
useSmallLimits()
const folder = await mkdtemp(join(tmpdir(), 'prsm-replay-'))
try {
  const id = { seed: Number(values.seed), step: Number(values.step) }
  for (let time = 0; time < Number(values.times); time += 1) {
    await replay(mode, id, { folder, without: values.without })
  }
  stdout.write('nothing was found\n')
} finally {
  await rm(folder, { recursive: true, force: true })
}
