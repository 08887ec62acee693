import { mkdirSync, rmSync } from 'node:fs'

/** The modes of the suite. */
export const modes = ['kill', 'fault', 'cut'] as const
export type Mode = (typeof modes)[number]

/** Where a run can be begun anew from: the same seed and step do the same. */
export type RunId = { readonly seed: number; readonly step: number }

export type RunOptions = {
  /** A folder for what the run needs; removed after it. */
  readonly folder: string
  /** The call of a sync that is left out (`cut` only). */
  readonly without?: string | undefined
  /** What is killed (`kill` only), in the lighter form of `light-program.ts`. */
  readonly program?: string | undefined
}

/** A run that found something: how to see it again is in the message. */
export class Violation extends Error {
  readonly id: RunId

  constructor(mode: Mode, id: RunId, { what, cause }: { what: string; cause: unknown }) {
    const command = `node tests/crash/replay.ts --mode ${mode} --seed ${id.seed} --step ${id.step}`
    const said = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    super(`${command}\n  at ${what}\n  ${said}`, { cause })
    this.id = id
  }
}

/** A folder that is there for the time of `work`. */
export async function inFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true })
  try {
    return await work()
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}
