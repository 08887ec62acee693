import type { BlockSource } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import type { FolderEntry } from '../core/content.ts'
import { limits } from '../core/limits.ts'
import { ContentAhead, type Fetched } from './content-ahead.ts'
import { dagLimit } from './dag-error.ts'
import { type DagNode, type FolderNode, memoryBytes } from './dag-node.ts'
import { loadNode } from './dag-source.ts'
import { type FolderLink, folderLinks, type ListOptions, VisitBudget } from './folder-links.ts'
import { inOrder } from './in-order.ts'
import { type OpenFile, openFile } from './read.ts'
import type { WalkRules } from './walk-rules.ts'

/**
 * Children of the root folder that are fetched ahead, and bytes of their blocks; half of both a level
 * down, and so on. Small files are many: of a peer 20 ms away, 32 ahead are 1,600 a second.
 */
const CHILDREN_AHEAD = 32
const BYTES_AHEAD = 8 * 1024 * 1024

/** A raw block up to so many bytes is held until it is read, and so much more than its link says any root. */
const SMALL_BYTES = 64 * 1024

/** `root` is undefined when it took more memory than its link said: it is loaded when its turn has come. */
type Child = {
  readonly link: FolderLink
  readonly root: DagNode | OpenFile | undefined
  readonly fetched: Fetched | undefined
}

/** A folder on the way from the root to where the walk stands. */
type Frame = {
  readonly path: string
  readonly folder: FolderNode
  readonly names: Set<string>
  readonly children: AsyncGenerator<Child, void, void>
}

export type WalkOptions<E> = ListOptions & {
  readonly rules: WalkRules<E>
  /** With the signal of the caller: content may outlive the walk. */
  readonly contentOptions: ListOptions
}

/**
 * One walk of a folder: `walkFolder` of `directory.ts` says what it gives and throws. It keeps the
 * folders on the way to where it stands, and nothing of what is behind it but their names.
 */
export class FolderWalk<E> {
  readonly #source: BlockSource
  readonly #options: ListOptions
  readonly #content: ContentAhead
  readonly #rules: WalkRules<E>
  readonly #budget: VisitBudget
  readonly #frames: Frame[] = []
  #heldBytes = 0

  constructor(source: BlockSource, options: WalkOptions<E>) {
    const { contentOptions, rules, ...own } = options
    this.#source = source
    this.#options = own
    this.#content = new ContentAhead(source, { ahead: own, reading: contentOptions })
    this.#rules = rules
    this.#budget = new VisitBudget(options.maxEntries)
  }

  async *entries(root: FolderNode): AsyncGenerator<FolderEntry | E, void, void> {
    this.#enter(root, '')
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const next = await frame.children.next()
      if (next.done === true) {
        this.#leave(frame)
        continue
      }
      const { link, root = await this.#load(link), fetched } = next.value
      yield this.#entry(this.#rules.pathOf(frame, link), root, fetched)
    }
  }

  #entry(path: string, node: DagNode | OpenFile, fetched: Fetched | undefined): FolderEntry | E {
    if (node.kind === 'directory' || node.kind === 'shard') {
      this.#enter(node, path)
      return { kind: 'directory', path }
    }
    if (node.kind === 'symlink') return this.#rules.symlink(path, node)
    const content = { [Symbol.asyncIterator]: () => this.#content.read(node, fetched) }
    const size = node.kind === 'raw' ? node.data.byteLength : node.bytes
    return { kind: 'file', path, size, content }
  }

  #enter(folder: FolderNode, path: string): void {
    if (this.#frames.length > limits.maxPathDepth)
      throw dagLimit(folder.cid, `is more than ${limits.maxPathDepth} folders deep`)
    this.#heldBytes += memoryBytes(folder)
    if (this.#heldBytes > limits.maxHeldNodeBytes)
      throw dagLimit(folder.cid, 'the folders above it are too large')
    this.#frames.push({ path, folder, names: new Set(), children: this.#children(folder) })
  }

  #leave({ folder }: Frame): void {
    this.#frames.pop()
    this.#heldBytes -= memoryBytes(folder)
  }

  #children(folder: FolderNode): AsyncGenerator<Child, void, void> {
    const links = folderLinks(this.#source, folder, { ...this.#options, budget: this.#budget })
    const ahead = async (link: FolderLink): Promise<Child> => {
      const root = await this.#load(link)
      const room = claimedBytes(link)
      if (heldBytes(root) > room + SMALL_BYTES) return { link, root: undefined, fetched: undefined }
      const fetched = root.kind === 'file' ? this.#content.fetch(root, room) : undefined
      return { link, root, fetched }
    }
    const level = this.#frames.length
    return inOrder(links, ahead, {
      items: CHILDREN_AHEAD >> level,
      bytes: BYTES_AHEAD >> level,
      bytesOf: claimedBytes,
    })
  }

  /** The root of a child; of a raw block that is not small its size alone. */
  async #load({ cid, dagBytes = 0 }: FolderLink): Promise<DagNode | OpenFile> {
    const small = cid.code !== RAW || dagBytes <= SMALL_BYTES
    const node = small ? await loadNode(this.#source, cid, this.#options) : undefined
    if (node === undefined || (heldBytes(node) > SMALL_BYTES && node.kind === 'raw')) {
      return await openFile(this.#source, cid, this.#options)
    }
    return node
  }
}

/** Bytes of memory that the root of a child holds: by its link at most, which may lie. */
function claimedBytes({ dagBytes = limits.maxBlockBytes }: FolderLink): number {
  return Math.min(dagBytes, limits.maxBlockBytes)
}

function heldBytes(root: DagNode | OpenFile): number {
  return root.kind === 'block' ? 0 : root.blockBytes
}
