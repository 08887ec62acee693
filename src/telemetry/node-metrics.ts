import type { RepoStat } from '../core/content.ts'
import type { Metrics } from './metrics.ts'
import { addSamples, type Sample } from './sample.ts'

export type StoreFigures = RepoStat & { readonly pins: number }

/** What a node tells of itself when it is asked. */
export type NodeReadings = {
  readonly operations: { readonly running: number; readonly waiting: number }
  /** Asked once a scrape. While it fails, its figures are left out. */
  readonly store: () => Promise<StoreFigures>
}

/** Adds the figures of a node to `metrics`. Disposing takes them out: a closed node has none. */
export function collectNodeMetrics(
  metrics: Metrics,
  { operations, store }: NodeReadings,
): Disposable {
  return addSamples(metrics, [
    {
      name: 'prsm_operations_running',
      help: 'Uploads, downloads, imports and pins under way, those that stand still with them.',
      read: () => operations.running,
    },
    {
      name: 'prsm_operations_waiting',
      help: 'Those that wait in line for a place (PRSM_CONCURRENCY).',
      read: () => operations.waiting,
    },
    ...storeSamples(once(store)),
  ])
}

function storeSamples(store: () => Promise<StoreFigures>): Sample[] {
  const sample = (name: string, help: string, of: (figures: StoreFigures) => number): Sample => ({
    name,
    help,
    read: async () => of(await store()),
  })
  return [
    sample(
      'prsm_content_logical_bytes',
      'Bytes of the files uploaded, each counted as often as it was uploaded.',
      ({ logicalBytes }) => logicalBytes,
    ),
    sample('prsm_blocks', 'Blocks stored.', ({ blocks }) => blocks),
    sample(
      'prsm_block_stored_bytes',
      'Bytes of the blocks stored, each once.',
      ({ storedBytes }) => storedBytes,
    ),
    sample(
      'prsm_content_saved_bytes',
      'Bytes that are not stored twice: logical less stored, where it is more.',
      ({ savedBytes }) => savedBytes,
    ),
    sample(
      'prsm_store_physical_bytes',
      'Bytes the data folder takes on the disk.',
      ({ physicalBytes }) => physicalBytes,
    ),
    sample(
      'prsm_store_reserved_bytes',
      'Bytes promised to uploads under way.',
      ({ reservedBytes }) => reservedBytes,
    ),
    sample(
      'prsm_store_max_bytes',
      'Bytes the data folder may take; 0: no limit but the disk.',
      ({ maxBytes }) => maxBytes ?? 0,
    ),
    sample('prsm_pins', 'Pins in force.', ({ pins }) => pins),
  ]
}

/** One reading for all who ask before it is there. */
function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined
  return () => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
}
