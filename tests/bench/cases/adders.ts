import type { Bench } from '../bench.ts'
import { type KuboMover, openKubo } from '../kubo-repo.ts'
import { rotated, sameCid } from '../turns.ts'
import { startLibrary } from './library.ts'

export type Added = { readonly cid: string; readonly ms: number }

/** Adds what it is compared by to a new store of its own. */
export type Adder<N extends string> = {
  readonly name: N
  readonly add: (bench: Bench) => Promise<Added>
}

/** Lets each add the same content, by turns. Throws unless they give it the same CID. */
export async function addByTurns<N extends string>(
  bench: Bench,
  adders: readonly Adder<N>[],
  onAdded: (name: N, ms: number) => void,
): Promise<void> {
  const checkCid = sameCid()
  for (const { name, add } of rotated(adders, bench.round)) {
    const { cid, ms } = await add(bench)
    checkCid(cid)
    onAdded(name, ms)
  }
}

/** Kubo's `ipfs add ARGS`, without its start. */
export function kuboAdder<M extends KuboMover>(
  ipfs: string,
  name: M,
  args: readonly string[],
): Adder<M> {
  return {
    name,
    async add(bench) {
      await using repo = await openKubo(ipfs, name, bench)
      await bench.work.settle()
      return await repo.add(args)
    },
  }
}

/** A file or folder as one upload through our library. */
export function libraryAdder(path: string): Adder<'library'> {
  return {
    name: 'library',
    async add(bench) {
      await using folder = await bench.work.folder('adder')
      await using program = await startLibrary(folder.path, bench)
      await bench.work.settle()
      return await program.call('importFile', { path }, bench.timeoutMs)
    },
  }
}
