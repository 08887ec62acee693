import { type Case, record } from '../bench.ts'
import { type KuboMover, openKubo } from '../kubo-repo.ts'

/** Kubo's command: an import and a read. */
export function kubo(ipfs: string, mover: KuboMover): Case {
  return async (bench) => {
    const { path, bytes } = bench.work.file
    await using repo = await openKubo(ipfs, mover, bench)
    bench.figures.add(`${mover}.start`, bench.round, repo.startMs)
    await bench.work.settle()
    const { cid, ms, peakBytes } = await repo.add([path])
    bench.checkCid(cid)
    record(bench, { mover, direction: 'import', bytes, ms, memoryBytes: peakBytes })
    await bench.work.settle()
    const read = await repo.run(['cat', cid], { discard: true })
    record(bench, { mover, direction: 'read', bytes, ms: read.ms, memoryBytes: read.peakBytes })
  }
}
