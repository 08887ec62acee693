import type { Bench } from '../bench.ts'
import { startDaemon } from '../daemon.ts'
import { startProgram } from '../program.ts'
import type { LibraryMethods } from '../programs/library.ts'
import { longTimeout, startStore } from './store.ts'

const HAS_MS = 3000

/** A store of many small blocks, a tenth of them pinned one by one: filled, asked, listed, opened. */
export async function million(bench: Bench): Promise<void> {
  await using folder = await bench.work.folder('million')
  await fill(bench, folder.path)
  await bench.work.settle()
  await open(bench, folder.path)
  await using daemon = await startDaemon(folder.path, bench.signal)
  bench.figures.add('million.ready', bench.round, daemon.readyMs)
}

async function fill(bench: Bench, dataDir: string): Promise<void> {
  const { blocks: count, figures, round, timeoutMs } = bench
  await using program = await startStore(dataDir, bench)
  const filledMs = await program.call('fill', { count }, longTimeout(bench))
  figures.add('million.fill', round, (count * 1000) / filledMs)
  await program.call('keepNumbered', { count: pinsOf(bench) }, longTimeout(bench))
  const has = await program.call('has', { count, forMs: HAS_MS }, timeoutMs)
  figures.add('million.has', round, (has.count * 1000) / has.ms)
  const list = await program.call('list', {}, longTimeout(bench))
  if (list.count !== count) throw new Error(`${list.count} blocks are listed, not ${count}`)
  figures.add('million.list', round, (list.count * 1000) / list.ms)
  await program.call('close', {}, timeoutMs)
}

async function open(bench: Bench, dataDir: string): Promise<void> {
  const { figures, round, timeoutMs, signal } = bench
  const url = new URL('../programs/library.ts', import.meta.url)
  await using program = await startProgram<LibraryMethods>(url, signal)
  figures.add('million.open', round, await program.call('open', { dataDir }, timeoutMs))
  const pins = await program.call('listPins', {}, timeoutMs)
  if (pins.count !== pinsOf(bench)) throw new Error(`${pins.count} pins, not ${pinsOf(bench)}`)
  figures.add('million.pins', round, (pins.count * 1000) / pins.ms)
  await program.call('close', {}, timeoutMs)
}

function pinsOf({ blocks }: Bench): number {
  return Math.floor(blocks / 10)
}
