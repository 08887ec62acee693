import { join } from 'node:path'
import type { Bench, Case } from '../bench.ts'
import { firstBytes } from '../first-bytes.ts'
import { type Adder, addByTurns, kuboAdder } from './adders.ts'
import { startStore } from './store.ts'

const MOST_BYTES = 104_857_600
const LEAF_BYTES = 1024

/** A file in far smaller leaves than an upload's: what a commit of many blocks takes. */
export function leaves(ipfs: string | undefined): Case {
  return async (bench) => {
    await using folder = await bench.work.folder('leaves-of')
    const { path, bytes } = await firstBytes(bench.work.file, {
      path: join(folder.path, 'file'),
      atMost: MOST_BYTES,
    })
    const count = Math.ceil(bytes / LEAF_BYTES)
    await addByTurns(bench, [ours(path, count), ...kubos(bench, ipfs, path)], (name, ms) =>
      bench.figures.add(`leaves.${name}`, bench.round, (count * 1000) / ms),
    )
  }
}

function ours(path: string, count: number): Adder<'library'> {
  return {
    name: 'library',
    async add(bench) {
      await using store = await bench.work.folder('leaves')
      await using program = await startStore(store.path, bench)
      await program.call('warmUp', { leafBytes: LEAF_BYTES }, bench.timeoutMs)
      await bench.work.settle()
      const file = { path, leafBytes: LEAF_BYTES }
      const added = await program.call('importLeaves', file, bench.timeoutMs)
      if (added.leaves !== count) throw new Error(`${added.leaves} leaves, not ${count}`)
      return added
    },
  }
}

/** With sync in the first round only: a minute or two, and nothing is expected of it. */
function kubos({ round }: Bench, ipfs: string | undefined, path: string) {
  if (ipfs === undefined) return []
  const args = [`--chunker=size-${LEAF_BYTES}`, path]
  const plain = kuboAdder(ipfs, 'kubo', args)
  return round === 0 ? [plain, kuboAdder(ipfs, 'kubo-sync', args)] : [plain]
}
