import { limits } from '../../../src/core/limits.ts'

/**
 * Smaller figures, so that a short run meets what else comes after gigabytes: a second directory of
 * blocks, a checkpoint, the -wal begun anew, a batch of blocks that
 * the other thread commits.
 */
export function useSmallLimits(): void {
  Object.assign(limits, {
    filesPerDirectory: 4,
    inlineBlockBytes: 16 * 1024,
    walCheckpointBytes: 256 * 1024,
    walAsideBytes: 384 * 1024,
    storeBatchWeight: 2,
    storeAsideWeight: 4,
    storeAsideBlocks: 1,
  })
}
