import { above, type Bench, idleBytes } from '../bench.ts'
import { megabytes } from '../figures.ts'
import { peakDuring } from '../memory.ts'
import type { SmallFiles } from '../programs/library.ts'
import { startLibrary } from './library.ts'

const AT_ONCE = 10
/** After that no more are begun: a slow disk gives a rate, too. */
const FOR_MS = 60_000

/** Many files, each acknowledged when it is durable. */
export async function small(bench: Bench): Promise<void> {
  await addFiles(bench, 'small.100-kib', { count: 1000, bytes: 102_400 })
  await addFiles(bench, 'small.1-kib', { count: 10_000, bytes: 1024 })
}

async function addFiles(
  bench: Bench,
  figure: 'small.100-kib' | 'small.1-kib',
  files: SmallFiles,
): Promise<void> {
  const { figures, round, timeoutMs, signal } = bench
  await using folder = await bench.work.folder('small')
  await using program = await startLibrary(folder.path, bench)
  await program.call('prepareSmallFiles', files, timeoutMs)
  const idle = await idleBytes(program.pid, signal)
  await bench.work.settle()
  const { result, peakBytes } = await peakDuring(program.pid, () =>
    program.call('addSmallFiles', { atOnce: AT_ONCE, forMs: FOR_MS }, FOR_MS + timeoutMs),
  )
  figures.add(figure, round, (result.count * 1000) / result.ms)
  const memory = above(idle, peakBytes)
  if (memory !== undefined) figures.add(`${figure}-peak`, round, megabytes(memory))
}
