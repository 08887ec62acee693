import { above, type Bench, type Case, idleBytes } from '../bench.ts'
import { megabytes } from '../figures.ts'
import { peakDuring } from '../memory.ts'
import type { SmallFiles } from '../programs/library.ts'
import { writeSmallFiles } from '../small-files.ts'
import { addByTurns, kuboAdder, libraryAdder } from './adders.ts'
import { startLibrary } from './library.ts'

const AT_ONCE = 10
/** After that no more are begun: a slow disk gives a rate, too. */
const FOR_MS = 60_000

const SIZES = {
  '100-kib': { count: 1000, bytes: 102_400 },
  '1-kib': { count: 10_000, bytes: 1024 },
} as const satisfies Record<string, SmallFiles>

/** Many files, each acknowledged when it is durable; then as many in one folder, as Kubo adds them. */
export function small(ipfs: string | undefined): Case {
  return async (bench) => {
    for (const size of ['100-kib', '1-kib'] as const) {
      await addFiles(bench, size)
      await addFolders(bench, size, ipfs)
    }
  }
}

async function addFiles(bench: Bench, size: keyof typeof SIZES): Promise<void> {
  const { figures, round, timeoutMs, signal } = bench
  await using folder = await bench.work.folder('small')
  await using program = await startLibrary(folder.path, bench)
  await program.call('prepareSmallFiles', SIZES[size], timeoutMs)
  const idle = await idleBytes(program.pid, signal)
  await bench.work.settle()
  const { result, peakBytes } = await peakDuring(program.pid, () =>
    program.call('addSmallFiles', { atOnce: AT_ONCE, forMs: FOR_MS }, FOR_MS + timeoutMs),
  )
  figures.add(`small.${size}`, round, (result.count * 1000) / result.ms)
  const memory = above(idle, peakBytes)
  if (memory !== undefined) figures.add(`small.${size}-peak`, round, megabytes(memory))
}

async function addFolders(
  bench: Bench,
  size: keyof typeof SIZES,
  ipfs: string | undefined,
): Promise<void> {
  const { count } = SIZES[size]
  await using folder = await bench.work.folder('small-files')
  await writeSmallFiles(folder.path, SIZES[size], bench.signal)
  const args = ['--recursive', folder.path]
  const kubos =
    ipfs === undefined ? [] : [kuboAdder(ipfs, 'kubo', args), kuboAdder(ipfs, 'kubo-sync', args)]
  await addByTurns(bench, [libraryAdder(folder.path), ...kubos], (name, ms) =>
    bench.figures.add(`small-folder.${name}-${size}`, bench.round, (count * 1000) / ms),
  )
}
