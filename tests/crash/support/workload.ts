import { setTimeout as delay } from 'node:timers/promises'
import { PrsmError, type StorageNode } from '../../../src/index.ts'
import { again, type Operation, type Planned, possibleOperations } from './operations.ts'
import type { Random } from './random.ts'
import { type Begin, keeps, type RunRecord } from './records.ts'

export type WorkloadInit = {
  readonly random: Random
  /** Before the names of its operations: those of one life of a node are not those of another. */
  readonly life: string
  /** What a life before was cut off in: done again first, one after the other. */
  readonly cutOff?: readonly Begin[]
  /** Called before an operation begins, and after it ended, before anything else is begun. */
  readonly tell: (record: RunRecord) => void
  /** False ends it, after the operations that run. */
  readonly goesOn: (round: number) => boolean
  /** False ends what is done again. */
  readonly goesOnAgain?: () => boolean
  /** Operations at once. Default: up to four. */
  readonly atOnce?: number
  /** Whether an operation may fail, with an error of ours. */
  readonly mayFail: () => boolean
}

/** Milliseconds after which an operation is taken to hang. */
const HANGS_MS = 60_000
const MOST_AT_ONCE = 4

/** Rounds of random operations, up to four at once. Rejects when one fails that must not, or hangs. */
export async function runWorkload(node: StorageNode, init: WorkloadInit): Promise<void> {
  const possible = possibleOperations(node)
  const known = new Set<string>()
  const kept = new Set<string>()
  for (const [at, begin] of (init.cutOff ?? []).entries()) {
    const operation = again(begin)
    if (operation === undefined || init.goesOnAgain?.() === false) continue
    await attempt(node, operation, { ...init, id: `${init.life}-again-${at}`, known, kept })
  }
  for (let round = 0; init.goesOn(round); round += 1) {
    const { random, atOnce = 1 + random.int(MOST_AT_ONCE) } = init
    const planned = planRound(possible, { random, known }, atOnce)
    await Promise.all(
      planned.map((operation, at) =>
        attempt(node, operation, { ...init, id: `${init.life}-${round}-${at}`, known, kept }),
      ),
    )
  }
}

type Choices = { readonly random: Random; readonly known: ReadonlySet<string> }

function planRound(
  possible: readonly Operation[],
  choices: Choices,
  wanted: number,
): readonly Planned[] {
  const planned: Planned[] = []
  while (planned.length < wanted) {
    const next = weighted(possible, choices.random).plan(choices)
    if (next === undefined) continue
    // A collection changes nothing of what is kept: it may run beside anything.
    const others = planned.filter(({ begin }) => begin.type !== 'collect')
    if (next.alone && others.length > 0) break
    planned.push(next)
    if (next.alone) break
  }
  return planned
}

function weighted(possible: readonly Operation[], random: Random): Operation {
  let left = random.next() * possible.reduce((sum, { weight }) => sum + weight, 0)
  for (const operation of possible) {
    left -= operation.weight
    if (left < 0) return operation
  }
  return random.pick(possible)
}

type Attempt = WorkloadInit & {
  readonly id: string
  readonly known: Set<string>
  /** What is kept for certain: it can be pinned again, and let go. */
  readonly kept: Set<string>
}

/** Errors that say how it is, of content that may have been let go and collected. */
const GONE = new Map([
  ['pin', 'CONTENT_NOT_FOUND'],
  ['unpin', 'PIN_NOT_FOUND'],
])

async function attempt(node: StorageNode, planned: Planned, init: Attempt): Promise<void> {
  const { id, tell, known, kept, mayFail } = init
  const { begin } = planned
  const isGone = 'cid' in begin && !kept.has(begin.cid)
  if (begin.type === 'unpin') kept.delete(begin.cid)
  tell({ id, begin })
  try {
    const cid = await inTime(planned.run(node), JSON.stringify(begin))
    tell({ id, acknowledged: cid })
    if (cid !== '') known.add(cid)
    if (keeps(begin)) kept.add(cid)
  } catch (error) {
    const code = error instanceof PrsmError ? error.code : 'INTERNAL'
    const mayBeGone = isGone && GONE.get(begin.type) === code
    if (code === 'INTERNAL' || !(mayBeGone || mayFail())) {
      throw new Error(`${JSON.stringify(begin)} failed: ${error}`, { cause: error })
    }
    tell({ id, failed: code })
  }
}

/** Rejects when `work` takes so long that it must hang. */
export async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const ended = new AbortController()
  const late = async () => {
    await delay(HANGS_MS, undefined, { signal: ended.signal })
    throw new Error(`hangs: ${what}`)
  }
  try {
    return await Promise.race([work, late()])
  } finally {
    ended.abort()
  }
}
