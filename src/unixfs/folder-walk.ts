import type { BlockSource } from '../core/block-source.ts'
import type { FolderEntry } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { dagInvalid, dagLimit } from './dag-error.ts'
import { type DagNode, type FolderNode, memoryBytes } from './dag-node.ts'
import { asFile, contentBytes, loadNode } from './dag-source.ts'
import { type FolderLink, folderLinks, type ListOptions, VisitBudget } from './folder-links.ts'
import { inOrder } from './in-order.ts'
import { readLoaded } from './read.ts'

/** Children fetched ahead in the root folder; half of it a level down, and so on. */
const CHILDREN_AHEAD = 8

type Child = { readonly link: FolderLink; readonly node: DagNode }

/** A folder on the way from the root to where the walk stands. */
type Frame = {
  readonly path: string
  readonly folder: FolderNode
  readonly names: Set<string>
  readonly children: AsyncGenerator<Child, void, void>
}

/**
 * One walk of a folder: `walkFolder` of `directory.ts` says what it gives and throws. It keeps the
 * folders on the way to where it stands, and nothing of what is behind it but their names.
 */
export class FolderWalk {
  readonly #source: BlockSource
  /** With the signal of the walk, and with that of the caller for content, which may outlive it. */
  readonly #options: ListOptions
  readonly #contentOptions: ListOptions
  readonly #budget: VisitBudget
  readonly #frames: Frame[] = []
  #heldBytes = 0

  constructor(source: BlockSource, options: ListOptions, contentOptions: ListOptions) {
    this.#source = source
    this.#options = options
    this.#contentOptions = contentOptions
    this.#budget = new VisitBudget(options.maxEntries)
  }

  async *entries(root: FolderNode): AsyncGenerator<FolderEntry, void, void> {
    this.#enter(root, '')
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const next = await frame.children.next()
      if (next.done === true) this.#leave(frame)
      else yield this.#entry(frame, next.value)
    }
  }

  #entry(frame: Frame, { link, node }: Child): FolderEntry {
    const path = pathOf(frame, link)
    if (node.kind === 'directory' || node.kind === 'shard') {
      this.#enter(node, path)
      return { kind: 'directory', path }
    }
    if (node.kind === 'symlink') {
      throw new PrsmError('UNSUPPORTED_ENTRY', `${JSON.stringify(path)} is a symbolic link`, {
        details: { path, cid: node.cid.toString() },
        hint: 'name a file or folder below instead',
      })
    }
    const file = asFile(node)
    const content = {
      [Symbol.asyncIterator]: () => readLoaded(this.#source, file, this.#contentOptions),
    }
    return { kind: 'file', path, size: contentBytes(file), content }
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
    const load = async (link: FolderLink): Promise<Child> => ({
      link,
      node: await loadNode(this.#source, link.cid, this.#options),
    })
    return inOrder(links, load, Math.max(1, CHILDREN_AHEAD >> this.#frames.length))
  }
}

/** The path of a child, once its name is found fit to be one. */
function pathOf({ path: parent, folder, names }: Frame, link: FolderLink): string {
  const { name } = link
  const path = parent === '' ? name : `${parent}/${name}`
  const fault = faultOf(name) ?? (names.has(name) ? 'is there twice' : undefined)
  if (fault !== undefined)
    throw dagInvalid(folder.cid, `${JSON.stringify(path)} ${fault}`, { path })
  if (!link.nameIsText) {
    throw new PrsmError('UNSUPPORTED_ENTRY', `the name of ${JSON.stringify(path)} is not UTF-8`, {
      details: { path },
    })
  }
  if (Buffer.byteLength(path) > limits.maxPathBytes) {
    throw dagLimit(
      folder.cid,
      `${JSON.stringify(path)} is longer than ${limits.maxPathBytes} bytes`,
      { path },
    )
  }
  names.add(name)
  return path
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'has an empty name'
  if (name === '.' || name === '..') return 'is no name for a file'
  if (name.includes('/')) return 'has a slash in its name'
  if (name.includes('\0')) return 'has a NUL byte in its name'
  return undefined
}
