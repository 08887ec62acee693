import type { Bench, Case } from '../bench.ts'
import { writeSmallFiles } from '../small-files.ts'
import { type Added, addByTurns, kuboAdder } from './adders.ts'
import { startLibrary } from './library.ts'

const FILE_BYTES = 100

/** A folder so large that it has to be sharded: added, and listed. */
export function folder(ipfs: string | undefined): Case {
  return async (bench) => {
    const count = Math.floor(bench.blocks / 10)
    await using content = await bench.work.folder('many-files')
    await writeSmallFiles(content.path, { count, bytes: FILE_BYTES }, bench.signal)
    const ours = { name: 'library', add: () => addAndList(bench, content.path, count) } as const
    const kubos = ipfs === undefined ? [] : [kuboAdder(ipfs, 'kubo', ['--recursive', content.path])]
    await addByTurns(bench, [ours, ...kubos], (name, ms) =>
      bench.figures.add(`folder.${name}`, bench.round, (count * 1000) / ms),
    )
  }
}

async function addAndList(bench: Bench, path: string, count: number): Promise<Added> {
  const { work, figures, round, timeoutMs } = bench
  await using store = await work.folder('folder')
  await using program = await startLibrary(store.path, bench)
  await work.settle()
  const added = await program.call('importFile', { path }, timeoutMs)
  const listed = await program.call('listFolder', { cid: added.cid }, timeoutMs)
  if (listed.count !== count) throw new Error(`${listed.count} entries are listed, not ${count}`)
  figures.add('folder.ls', round, listed.ms)
  return added
}
