import { join } from 'node:path'
import { type CutStep, cutSession, isRetry } from './cut-mode.ts'
import { faultRun } from './fault-mode.ts'
import { killRun } from './kill-mode.ts'
import { Random } from './random.ts'
import type { Mode, RunId } from './runs.ts'

export type ShareInit = {
  readonly mode: Mode
  readonly runs: number
  readonly firstSeed: number
  /** From one seed to the next: the number of shares. */
  readonly seedStep: number
  readonly folder: string
  readonly without?: string | undefined
  readonly program?: string | undefined
}

/** About the steps of a workload; a run that is over before its step comes is one, too. */
const MOST_STEPS = 250
/** Opening a store is a tenth of the steps and has most of its own syncs: it is looked at more closely. */
const OPENING_STEPS = 50
const OPENING_SHARE = 0.2
const CUTS_OF_A_SESSION = 6

/** One after the other, as many runs of a mode as are asked for. Gives how many there were; throws a `Violation`. */
export async function runShare(init: ShareInit): Promise<number> {
  let done = 0
  for (let seed = init.firstSeed; done < init.runs; seed += init.seedStep) {
    done += await runSeed(seed, init.runs - done, init)
  }
  return done
}

async function runSeed(seed: number, wanted: number, init: ShareInit): Promise<number> {
  const folder = join(init.folder, `${init.mode}-${seed}`)
  if (init.mode === 'cut') {
    const atMost = Math.min(wanted, CUTS_OF_A_SESSION)
    const { without } = init
    return (await cutSession({ seed, folder, without, atMost, isChosen: isCut(seed) })).length
  }
  const id = { seed, step: stepOf(seed) }
  await (init.mode === 'kill'
    ? killRun(id, { folder, program: init.program })
    : faultRun(id, { folder }))
  return 1
}

function stepOf(seed: number): number {
  const random = new Random(seed, 2)
  return 1 + random.int(random.chance(OPENING_SHARE) ? OPENING_STEPS : MOST_STEPS)
}

/** Most where little is synced: while a store is made, after a restart, and in what comes seldom. */
function isCut(seed: number): (step: CutStep) => boolean {
  const chanceOf = isRetry(seed) ? chanceInRetry : chanceInSession
  return (step) => new Random(seed, step.step, 3).chance(chanceOf(step))
}

function chanceInSession({ what, sinceOpening }: CutStep): number {
  const isSeldom = what.startsWith('pragma page_count') || what.startsWith('within')
  if (isSeldom) return 0.3
  return sinceOpening <= OPENING_STEPS ? 0.04 : 0.02
}

/** What the second life has relied on is seen after its opening. */
function chanceInRetry({ life, sinceOpening }: CutStep): number {
  return life === 1 && sinceOpening > OPENING_STEPS / 2 ? 0.3 : 0.01
}

/** The run of a seed and a step. */
export async function replay(mode: Mode, id: RunId, init: Pick<ShareInit, 'folder' | 'without'>) {
  const { seed, step } = id
  const folder = join(init.folder, `${mode}-${seed}`)
  if (mode === 'kill') return await killRun(id, { folder })
  if (mode === 'fault') return await faultRun(id, { folder })
  await cutSession({
    ...{ seed, folder, atMost: 1, isChosen: (at) => at.step === step },
    without: init.without,
  })
}
