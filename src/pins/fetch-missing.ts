import type { CID } from 'multiformats/cid'
import type { DagWalk } from '../blocks/dag-walk.ts'
import type { Lease } from '../blocks/lease.ts'
import type { BlockSession } from '../core/block-source.ts'
import { limits } from '../core/limits.ts'
import type { PinMeter } from './pin-meter.ts'

/** Missing blocks that are named at a time: some portions of what is fetched side by side. */
const NAMED = 1024

export type FetchMissingInit = {
  readonly walk: DagWalk
  /** Puts what it fetches under `lease`. */
  readonly session: BlockSession
  readonly lease: Lease
  readonly meter: PinMeter
  readonly signal: AbortSignal | undefined
}

/**
 * Fetches what is missing of a DAG, each block once, as a walk over it finds it. When it resolves, all
 * of the DAG is durable. Throws what the fetch of a block failed with.
 */
export async function fetchMissing(init: FetchMissingInit): Promise<void> {
  const { walk, lease, meter } = init
  for (;;) {
    const missing = await walk.missing(NAMED)
    meter.stored = walk.stored
    if (missing.length === 0) return
    await fetchAll(missing, init)
    await lease.sync()
    walk.arrived(missing)
  }
}

/** So many at a time; the first that fails ends the others. */
async function fetchAll(
  cids: readonly CID[],
  { session, meter, signal }: FetchMissingInit,
): Promise<void> {
  const failed = new AbortController()
  const either = signal === undefined ? failed.signal : AbortSignal.any([failed.signal, signal])
  const next = cids.values()
  const fetchNext = async (): Promise<void> => {
    for (const cid of next) {
      meter.asking(cid)
      const { byteLength } = await session.get(cid, { signal: either, passing: true })
      meter.arrived(cid, byteLength)
    }
  }
  const workers = Array.from({ length: Math.min(cids.length, limits.pinFetches) }, fetchNext)
  try {
    await Promise.all(workers)
  } catch (error) {
    failed.abort()
    await Promise.allSettled(workers)
    throw error
  }
}
