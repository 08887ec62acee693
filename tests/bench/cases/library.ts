import { YOUNG_GENERATION } from '../../../src/cli/restart.ts'
import { above, type Bench, idleBytes, record } from '../bench.ts'
import { rate } from '../figures.ts'
import { peakDuring } from '../memory.ts'
import { type Program, startProgram } from '../program.ts'
import type { LibraryMethods, OpenOptions } from '../programs/library.ts'

const RANGES_MS = 3000
/** Before ranges are measured: code is compiled, files are opened. */
const WARM_UP_MS = 2000
const AT_ONCE = 16

/** A program with our node in it, on a new data folder, as the daemon runs: V8's own young generation takes up to 130 MB. */
export async function startLibrary(
  dataDir: string,
  { signal, timeoutMs }: Bench,
  options: Omit<OpenOptions, 'dataDir'> = {},
): Promise<Program<LibraryMethods>> {
  const program = await startProgram<LibraryMethods>(
    new URL('../programs/library.ts', import.meta.url),
    signal,
    [YOUNG_GENERATION],
  )
  await program.call('open', { dataDir, ...options }, timeoutMs)
  return program
}

/** The library: a durable import, a verified read, ranges. */
export async function library(bench: Bench): Promise<void> {
  const { work, timeoutMs, signal } = bench
  await using folder = await work.folder('library')
  await using program = await startLibrary(folder.path, bench)
  const { pid } = program
  const idle = await idleBytes(pid, signal)
  const { path, bytes, sha256 } = work.file
  await program.call('warmUp', {}, timeoutMs)
  await work.settle()
  const imported = await peakDuring(pid, () => program.call('importFile', { path }, timeoutMs))
  const { cid, ms } = imported.result
  bench.checkCid(cid)
  if (imported.result.sha256 !== sha256) throw new Error('the library took other bytes')
  const importPeak = above(idle, imported.peakBytes)
  record(bench, { mover: 'library', direction: 'import', bytes, ms, memoryBytes: importPeak })
  const { result, peakBytes } = await peakDuring(pid, () =>
    program.call('readFile', { cid }, timeoutMs),
  )
  const memoryBytes = above(idle, peakBytes)
  record(bench, { mover: 'library', direction: 'read', ...result, memoryBytes })
  const kept = await program.call('readFileIntoNewMemory', { cid }, timeoutMs)
  bench.figures.add('library.read-kept', bench.round, rate(bytes, kept))
  const asked = { cid, bytes, connections: AT_ONCE, forMs: RANGES_MS }
  await program.call('ranges', { ...asked, forMs: WARM_UP_MS }, timeoutMs)
  const ranges = await program.call('ranges', asked, RANGES_MS + timeoutMs)
  bench.figures.add('library.ranges', bench.round, (ranges.count * 1000) / ranges.ms)
  bench.figures.add('library.ranges-p99', bench.round, ranges.p99Ms)
}
