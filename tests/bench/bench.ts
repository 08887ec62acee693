import { setTimeout as delay } from 'node:timers/promises'
import type { Direction, Figures } from './figures.ts'
import { megabytes, rate } from './figures.ts'
import { memoryOf } from './memory.ts'
import type { Workspace } from './workspace.ts'

/** What a case is given: where to work, on which file, and where its figures go. */
export type Bench = {
  readonly work: Workspace
  readonly figures: Figures
  /** Blocks of a large store. */
  readonly blocks: number
  /** 0 and up. */
  readonly round: number
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal
  /** Milliseconds after which one import or read is given up. */
  readonly timeoutMs: number
  /** Throws unless everybody gives the file the same CID. */
  checkCid(cid: string): void
  /** Says in the report that something was left out, and why. */
  note(text: string): void
}

/** Measures one thing once, and leaves nothing behind. */
export type Case = (bench: Bench) => Promise<void>

export type Mover = 'library' | 'http' | 'helia' | 'kubo-sync' | 'kubo'

export type Transfer = {
  readonly mover: Mover
  readonly direction: Direction
  readonly bytes: number
  readonly ms: number
  /** What it had in memory, or that above idle; `undefined` where that is not told. */
  readonly memoryBytes: number | undefined
}

/** Files a transfer. Throws when other bytes were moved than those of the file. */
export function record({ figures, round, work }: Bench, transfer: Transfer): void {
  const { mover, direction, bytes, ms, memoryBytes } = transfer
  if (bytes !== work.file.bytes) {
    throw new Error(`${mover}: ${direction} of ${bytes} bytes, not ${work.file.bytes}`)
  }
  figures.add(`${mover}.${direction}`, round, rate(bytes, ms))
  if (memoryBytes === undefined) return
  figures.add(`${mover}.${direction}-peak`, round, megabytes(memoryBytes))
}

const IDLE_MS = 1000

/** Bytes in memory of a process that has had time to become idle. */
export async function idleBytes(pid: number, signal: AbortSignal): Promise<number | undefined> {
  await delay(IDLE_MS, undefined, { signal })
  return (await memoryOf(pid))?.resident
}

/** How far `peak` is above `idle`, where both are known. */
export function above(idle: number | undefined, peak: number | undefined): number | undefined {
  return idle === undefined || peak === undefined ? undefined : Math.max(0, peak - idle)
}
