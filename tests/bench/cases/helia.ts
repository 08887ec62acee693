import { above, type Bench, idleBytes, record } from '../bench.ts'
import { peakDuring } from '../memory.ts'
import { startProgram } from '../program.ts'
import type { HeliaMethods } from '../programs/helia.ts'

/** Plain Helia on files: an import that syncs nothing, and a read. */
export async function helia(bench: Bench): Promise<void> {
  const { work, timeoutMs, signal } = bench
  await using folder = await work.folder('helia')
  await using program = await startProgram<HeliaMethods>(
    new URL('../programs/helia.ts', import.meta.url),
    signal,
  )
  const { pid } = program
  await program.call('open', { dataDir: folder.path }, timeoutMs)
  const idle = await idleBytes(pid, signal)
  const { path, bytes } = work.file
  await work.settle()
  const imported = await peakDuring(pid, () => program.call('importFile', { path }, timeoutMs))
  const { cid, ms } = imported.result
  bench.checkCid(cid)
  const importPeak = above(idle, imported.peakBytes)
  record(bench, { mover: 'helia', direction: 'import', bytes, ms, memoryBytes: importPeak })
  await work.settle()
  const { result, peakBytes } = await peakDuring(pid, () =>
    program.call('readFile', { cid }, timeoutMs),
  )
  record(bench, {
    mover: 'helia',
    direction: 'read',
    ...result,
    memoryBytes: above(idle, peakBytes),
  })
}
