import { join } from 'node:path'
import type { DiskModel } from './disk-model.ts'
import { Life, newDisk } from './life.ts'
import { copyAsKilled, cutPower, type RunningCheckpoint, settledDisk } from './power-cut.ts'
import { Random } from './random.ts'
import { type RunRecord, unfinished } from './records.ts'
import { inFolder, type RunId, type RunOptions, Violation } from './runs.ts'
import { verify } from './verify.ts'
import { runWorkload } from './workload.ts'

export type CutSessionInit = RunOptions & {
  readonly seed: number
  /** Which steps the power is cut at; none after the last that is wanted. */
  readonly isChosen: (step: CutStep) => boolean
  readonly atMost: number
}

export type CutStep = {
  readonly step: number
  readonly life: number
  readonly what: string
  /** Steps since the life began. */
  readonly sinceOpening: number
}

/** How a life of the node ends, for the next to begin on what it left. */
type Ending = 'close' | 'kill' | 'power'

type Cut = RunId & {
  readonly what: string
  readonly dataDir: string
  readonly records: readonly RunRecord[]
}

const MOST_LIVES = 3
const MOST_ROUNDS = 5
/** Steps after which a life ends that was to end earlier, wherever it is. */
const LATEST = 30
/** About the steps a life has. */
const STEPS_OF_A_LIFE = 250

/**
 * One session of a node on a disk whose syncs are known, with the power cut at some of its steps: each
 * time a copy is made of what would be left, and the node goes on. Gives the steps that were verified.
 */
export async function cutSession(init: CutSessionInit): Promise<readonly RunId[]> {
  return await inFolder(init.folder, async () => {
    const cuts = await new Session(init).run()
    for (const cut of cuts) await verifyCut(cut)
    return cuts
  })
}

async function verifyCut({ seed, step, what, dataDir, records }: Cut): Promise<void> {
  try {
    await verify(dataDir, records)
  } catch (cause) {
    throw new Violation('cut', { seed, step }, { what, cause })
  }
}

/**
 * Every fifth session is one upload that is cut off when its first rows are committed, and done again by
 * the next life: what that one finds and relies on has to be synced before it says so.
 */
export function isRetry(seed: number): boolean {
  return seed % 5 === 0
}

function endOfRetry(first: number, number: number): { ending: Ending; last: number } {
  return number === 0 ? { ending: 'kill', last: first + 1 } : { ending: 'close', last: Infinity }
}

class Session {
  readonly #init: CutSessionInit
  readonly #random: Random
  readonly #records: RunRecord[] = []
  readonly #cuts: Cut[] = []
  #disk: DiskModel
  #step = 0
  #what = 'the beginning'

  constructor(init: CutSessionInit) {
    this.#init = init
    this.#random = new Random(init.seed)
    this.#disk = newDisk(init.folder, 'disk-0')
  }

  async run(): Promise<readonly Cut[]> {
    const lives = isRetry(this.#init.seed) ? 2 : 1 + this.#random.int(MOST_LIVES)
    try {
      for (let number = 0; number < lives && !this.#isDone; number += 1) await this.#live(number)
    } catch (cause) {
      throw new Violation(
        'cut',
        { seed: this.#init.seed, step: this.#step },
        { what: this.#what, cause },
      )
    }
    // A step that never came: the power is cut when all is over.
    if (this.#cuts.length === 0) this.#cut('the end')
    return this.#cuts
  }

  get #isDone(): boolean {
    return this.#cuts.length >= this.#init.atMost
  }

  async #live(number: number): Promise<void> {
    const random = new Random(this.#init.seed, number)
    const first = this.#step
    const { ending, last } = isRetry(this.#init.seed)
      ? endOfRetry(first, number)
      : this.#end(random)
    const life: Life = new Life({
      disk: this.#disk,
      without: this.#init.without,
      onStep: (what, checkpoint) =>
        this.#onStep({ life, what, checkpoint, ending, first, last, number }),
    })
    try {
      await this.#work(life, { random, number })
    } catch (error) {
      if (!life.isOver) throw error
    }
    life.end()
  }

  #end(random: Random): { readonly ending: Ending; readonly last: number } {
    const ending: Ending = random.pick(['close', 'kill', 'kill', 'power'])
    const last = ending === 'close' ? Infinity : this.#step + 5 + random.int(STEPS_OF_A_LIFE)
    return { ending, last }
  }

  async #work(life: Life, { random, number }: { random: Random; number: number }): Promise<void> {
    await using node = await life.open()
    const retries = isRetry(this.#init.seed)
    const rounds = retries ? 1 - number : 1 + random.int(MOST_ROUNDS)
    await runWorkload(node, {
      ...(retries && { atOnce: 1 }),
      random,
      life: `${number}`,
      cutOff: unfinished(this.#records).toReversed(),
      tell: (record) => {
        if (!life.isOver) this.#records.push(record)
      },
      goesOn: (round) => round < rounds && !life.isOver && !this.#isDone,
      goesOnAgain: () => !life.isOver,
      mayFail: () => life.isOver,
    })
  }

  #onStep(at: StepInfo): void {
    this.#step += 1
    this.#what = at.what
    const { what, number: life, first } = at
    const step = { step: this.#step, life, what, sinceOpening: this.#step - first }
    if (!this.#isDone && this.#init.isChosen(step)) this.#cut(at.what, at.checkpoint)
    if (this.#step < at.last) return
    const late = this.#step - at.last
    if (isRetry(this.#init.seed) ? !at.what.startsWith('committed') : !isGoodEnd(late, at.what))
      return
    at.life.end()
    this.#disk = this.#nextDisk(at)
  }

  #nextDisk({ ending, number, checkpoint }: StepInfo): DiskModel {
    const { keeps } = this.#disk
    const root = join(this.#init.folder, `disk-${number + 1}`)
    if (ending === 'power') {
      cutPower(this.#disk, root, { random: this.#randomOfStep(), checkpoint })
      return settledDisk(root, keeps)
    }
    return copyAsKilled(this.#disk, root)
  }

  #cut(what: string, checkpoint?: RunningCheckpoint): void {
    const { seed, folder } = this.#init
    const target = join(folder, `cut-${this.#step}`)
    cutPower(this.#disk, target, { random: this.#randomOfStep(), checkpoint })
    const dataDir = join(target, 'data')
    this.#cuts.push({ seed, step: this.#step, what, dataDir, records: [...this.#records] })
  }

  #randomOfStep(): Random {
    return new Random(this.#init.seed, this.#step, 1)
  }
}

/** Soon after its time, where most is not synced: when rows are committed. */
function isGoodEnd(late: number, what: string): boolean {
  return late > LATEST || what.startsWith('committed') || what.endsWith('blocks.db-wal')
}

type StepInfo = {
  readonly first: number
  readonly life: Life
  readonly what: string
  readonly checkpoint: RunningCheckpoint | undefined
  readonly ending: Ending
  readonly last: number
  readonly number: number
}
