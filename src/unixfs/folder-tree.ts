import { setImmediate as turn } from 'node:timers/promises'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { BlockWriter } from './block-writer.ts'
import { type Written, writeFolder } from './folder-writer.ts'
import type { NewLink } from './node-encoding.ts'

type Folder = {
  readonly children: Map<string, Child>
  named: boolean
  written: Written | undefined
}

/** A file stands with `written` undefined from when its name is taken until its content is stored. */
type FilePlace = { written: Written | undefined }

type Child = Folder | FilePlace

/** Blocks between two turns of the event loop. */
const BLOCKS_A_TURN = 64

/**
 * The names of a folder being imported: entries in any order, exact names, parents made where
 * nobody names them. Written at the end, children before parents, one block a folder (or a HAMT):
 * nothing is written twice, and whether to shard is decided when all sizes are known.
 */
export class FolderTree {
  readonly #root: Folder = { children: new Map(), named: true, written: undefined }
  /** Each after its parent. */
  readonly #folders: Folder[] = [this.#root]
  #entries = 0
  #lastParent: { readonly path: string; readonly folder: Folder } = { path: '', folder: this.#root }

  get directories(): number {
    return this.#folders.length - 1
  }

  /** Takes a folder's name. Throws INVALID_INPUT and DAG_LIMIT, naming the path. */
  addDirectory(path: string): void {
    const { parent, name } = this.#locate(path)
    const folder = this.#folderIn(parent, { name, path })
    if (folder.named) throw refused(path, 'is there twice')
    folder.named = true
  }

  /**
   * Takes a file's name, before its content is read; what it gives is called when that is stored.
   * Throws INVALID_INPUT and DAG_LIMIT, naming the path.
   */
  addFile(path: string): (written: Written) => void {
    const { parent, name } = this.#locate(path)
    const there = parent.children.get(name)
    if (there !== undefined)
      throw refused(path, isFolder(there) ? 'is a file and a folder' : 'is there twice')
    this.#count(path)
    const place: FilePlace = { written: undefined }
    parent.children.set(name, place)
    return (written) => {
      place.written = written
    }
  }

  /** Writes all folders and gives the root. Throws DAG_LIMIT, CANCELLED and what the store does. */
  async write(writer: BlockWriter, signal?: AbortSignal): Promise<Written> {
    let root: Written | undefined
    let steps = 0
    for (const folder of this.#folders.toReversed()) {
      const writing = writeFolder(writer, linksOf(folder))
      let step = writing.next()
      for (; step.done !== true; step = writing.next()) {
        await writer.room()
        if (++steps % BLOCKS_A_TURN === 0) await turn()
        throwIfCancelled(signal)
      }
      const room = writer.room()
      if (room !== undefined) await room
      root = folder.written = step.value
    }
    if (root === undefined) throw new PrsmError('INTERNAL', 'a folder has no root')
    return root
  }

  #locate(path: string): { readonly parent: Folder; readonly name: string } {
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    checkName(path, name)
    if (Buffer.byteLength(path) > limits.maxPathBytes) {
      throw tooLarge(path, `is longer than ${limits.maxPathBytes} bytes`)
    }
    const parentPath = slash < 0 ? '' : path.slice(0, slash)
    if (slash === 0) throw refused(path, 'is absolute')
    if (parentPath !== this.#lastParent.path) {
      this.#lastParent = { path: parentPath, folder: this.#makeParents(path, parentPath) }
    }
    return { parent: this.#lastParent.folder, name }
  }

  #makeParents(path: string, parentPath: string): Folder {
    if (parentPath === '') return this.#root
    const names = parentPath.split('/')
    if (names.length >= limits.maxPathDepth)
      throw tooLarge(path, `is more than ${limits.maxPathDepth} names deep`)
    let folder = this.#root
    for (const name of names) {
      checkName(path, name)
      folder = this.#folderIn(folder, { name, path })
    }
    return folder
  }

  #folderIn(
    parent: Folder,
    { name, path }: { readonly name: string; readonly path: string },
  ): Folder {
    const there = parent.children.get(name)
    if (there !== undefined && isFolder(there)) return there
    if (there !== undefined)
      throw refused(path, `needs ${JSON.stringify(name)} to be a file and a folder`)
    this.#count(path)
    const folder: Folder = { children: new Map(), named: false, written: undefined }
    parent.children.set(name, folder)
    this.#folders.push(folder)
    return folder
  }

  #count(path: string): void {
    this.#entries++
    if (this.#entries <= limits.maxFolderEntries) return
    throw tooLarge(
      path,
      `is one more than the ${limits.maxFolderEntries} entries a folder may have`,
    )
  }
}

function isFolder(child: Child): child is Folder {
  return 'children' in child
}

function linksOf(folder: Folder): NewLink[] {
  return Array.from(folder.children, ([name, { written }]) => {
    if (written === undefined)
      throw new PrsmError('INTERNAL', `nothing is stored for ${JSON.stringify(name)}`)
    return { name: Buffer.from(name), ...written }
  })
}

/** `/` cannot be in a name, as names are cut there. */
function checkName(path: string, name: string): void {
  if (name === '') throw refused(path, 'has an empty name in it')
  if (name === '.' || name === '..')
    throw refused(path, `has the name ${JSON.stringify(name)} in it`)
  if (name.includes('\0')) throw refused(path, 'has a NUL byte in it')
  if (!name.isWellFormed()) throw refused(path, 'is not Unicode text')
  if (Buffer.byteLength(name) > limits.maxNameBytes)
    throw tooLarge(path, `has a name over ${limits.maxNameBytes} bytes`)
}

function refused(path: string, why: string): PrsmError {
  return new PrsmError('INVALID_INPUT', `${quoted(path)} ${why}`, { details: { path } })
}

function tooLarge(path: string, why: string): PrsmError {
  return new PrsmError('DAG_LIMIT', `${quoted(path)} ${why}`, { details: { path } })
}

/** For messages: a path may be as long as an attacker likes. */
function quoted(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path)
}
