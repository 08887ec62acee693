import type { BlockSource } from '../core/block-source.ts'
import type { FileNode, RawNode } from './dag-node.ts'
import { asChunk, type DagOptions } from './dag-source.ts'
import { type OpenFile, readLoaded } from './read.ts'

/** Content that was asked for before it is read, in shared memory. */
export type Fetched = Promise<readonly Uint8Array[]>

export type ContentAheadOptions = {
  /** For what is fetched ahead: with the signal of the walk, which may end before its content is read. */
  readonly ahead: DagOptions
  readonly reading: DagOptions
}

/**
 * The content of the files of one walk. Once its consumer has read some, that of small files is asked
 * for before he comes to them: else each would cost a round trip of its own.
 */
export class ContentAhead {
  readonly #source: BlockSource
  readonly #options: ContentAheadOptions
  #isRead = false

  constructor(source: BlockSource, options: ContentAheadOptions) {
    this.#source = source
    this.#options = options
  }

  /** Fetches a file that is in further blocks, of `roomBytes` at most. */
  fetch(file: FileNode, roomBytes: number): Fetched | undefined {
    if (!this.#isRead || file.links.length === 0 || file.bytes > roomBytes) return undefined
    const { buffers: _own, ...shared } = this.#options.ahead
    const fetched = Array.fromAsync(readLoaded(this.#source, file, shared))
    // Told to whoever reads the content, if anybody does.
    fetched.catch(() => {})
    return fetched
  }

  read(
    file: OpenFile | RawNode,
    fetched: Fetched | undefined,
  ): AsyncGenerator<Uint8Array, void, void> {
    this.#isRead = true
    const { reading } = this.#options
    const anew = () => readLoaded(this.#source, file, reading)
    return fetched === undefined ? anew() : chunksOf(fetched, { anew, reading })
  }
}

/** What failed ahead is read anew: it fails where it stands, or not at all when the walk had ended. */
async function* chunksOf(
  fetched: Fetched,
  {
    anew,
    reading,
  }: {
    readonly anew: () => AsyncGenerator<Uint8Array, void, void>
    readonly reading: DagOptions
  },
): AsyncGenerator<Uint8Array, void, void> {
  const chunks = await fetched.catch(() => undefined)
  if (chunks === undefined) yield* anew()
  else for (const chunk of chunks) yield asChunk(chunk, reading)
}
