import type { Bench } from '../bench.ts'
import { rate } from '../figures.ts'
import { startLibrary } from './library.ts'

const DEAD_BYTES = 100

/** A large import while a collection takes away small blocks: who else wants the event loop meanwhile? */
export async function eventLoop(bench: Bench): Promise<void> {
  const { work, figures, round, timeoutMs } = bench
  const { path, bytes } = work.file
  const count = Math.floor(bench.blocks / 10)
  await using folder = await work.folder('eventloop')
  await using program = await startLibrary(folder.path, bench)
  await program.call('addDeadFiles', { count, bytes: DEAD_BYTES }, timeoutMs)
  await work.settle()
  const both = await program.call('importWhileCollecting', { path }, timeoutMs)
  const { imported, collected, delay } = both
  bench.checkCid(imported.cid)
  if (collected.blocks < count) throw new Error(`${collected.blocks} of ${count} were collected`)
  figures.add('eventloop.p99', round, delay.p99Ms)
  figures.add('eventloop.longest', round, delay.longestMs)
  figures.add('eventloop.import', round, rate(bytes, imported.ms))
  figures.add('eventloop.collect', round, (collected.blocks * 1000) / collected.ms)
}
