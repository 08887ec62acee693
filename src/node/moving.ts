import type { FolderEntry, OnProgress } from '../core/content.ts'
import type { PinProgress } from '../core/pins.ts'
import type { Place } from './scheduler.ts'

/** The listener of an upload, an import or a download: what it hears of has moved. */
export function movingBytes(place: Place, listener: OnProgress | undefined): OnProgress {
  return (progress) => {
    place.moved()
    listener?.(progress)
  }
}

/**
 * The listener of a pin, which is told also when nothing comes: a pin moves when blocks arrive. One that
 * has all blocks here and goes through a very large DAG seems to stand still.
 */
export function movingBlocks(
  place: Place,
  listener: ((progress: PinProgress) => void) | undefined,
): (progress: PinProgress) => void {
  let before = 0
  return (progress) => {
    const blocks = progress.blocks + progress.fetchedBlocks
    if (blocks !== before) place.moved()
    before = blocks
    listener?.(progress)
  }
}

/** The same entry of a folder. Its content moves when its consumer has taken a chunk. */
export function movingEntry(entry: FolderEntry, place: Place): FolderEntry {
  if (entry.kind === 'directory') return entry
  const { content } = entry
  return { ...entry, content: { [Symbol.asyncIterator]: () => movingItems(content, place) } }
}

/** Not a generator: each of those costs some promises a chunk. */
function movingItems<T>(items: AsyncIterable<T>, place: Place): AsyncIterator<T> {
  const inner = items[Symbol.asyncIterator]()
  return {
    next: () => {
      place.moved()
      return inner.next()
    },
    return: async () => (await inner.return?.()) ?? { done: true, value: undefined },
  }
}
