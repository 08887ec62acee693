import type { Bench } from '../bench.ts'
import { type Program, startProgram } from '../program.ts'
import type { StoreMethods } from '../programs/store.ts'

/** Milliseconds that a block of a large store may take, in any of the programs: on a slow disk, synced. */
const BLOCK_MS = 2

/** A program with the parts of our node in it, on a data folder. */
export async function startStore(
  dataDir: string,
  { signal, timeoutMs }: Bench,
): Promise<Program<StoreMethods>> {
  const url = new URL('../programs/store.ts', import.meta.url)
  const program = await startProgram<StoreMethods>(url, signal)
  await program.call('open', { dataDir }, timeoutMs)
  return program
}

/** The time limit of what goes through a whole large store. */
export function longTimeout({ timeoutMs, blocks }: Bench): number {
  return timeoutMs + BLOCK_MS * blocks
}
