import { type Dirent, linkSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { WalImage } from './wal-image.ts'

/** Bytes written and not synced yet, from `start` to before `end`. `done`: the write has ended. */
export type Extent = { readonly start: number; readonly end: number; done: boolean }

/** A file made through the port. `keep` is a second name of it, which it has when the first is gone. */
export type PortFile = {
  readonly kind: 'file'
  readonly keep: string
  readonly unsynced: Set<Extent>
}
export type WalFile = { readonly kind: 'wal'; readonly image: WalImage; readonly identity: string }
/** What SQLite and node:fs make beside the port. */
export type OtherFile = { readonly kind: 'other' }
export type Directory = {
  readonly kind: 'directory'
  /** What programs see, and what is there for certain after a power cut. */
  readonly live: Map<string, DiskNode>
  durable: ReadonlyMap<string, DiskNode>
  begun: number
  applied: number
}
export type DiskNode = PortFile | WalFile | OtherFile | Directory

export function emptyDirectory(): Directory {
  return { kind: 'directory', live: new Map(), durable: new Map(), begun: 0, applied: 0 }
}

/**
 * What a disk has promised of the tree below `root`: a name when its directory was synced after it was
 * made, bytes when their file was synced after they were written. A name that was taken away comes back
 * until the directory is synced. Nothing else is relied on, though file systems often give more.
 */
export class DiskModel {
  readonly root: string
  readonly #keeps: string
  readonly top: Directory
  #kept = 0

  /** `keeps`: a folder on the same file system, for second names. */
  constructor(root: string, keeps: string, top = emptyDirectory()) {
    this.root = root
    this.#keeps = keeps
    this.top = top
  }

  get keeps(): string {
    return this.#keeps
  }

  created(path: string): PortFile {
    const keep = this.newKeep()
    linkSync(path, keep)
    const file: PortFile = { kind: 'file', keep, unsynced: new Set() }
    this.directory(dirname(path)).live.set(basename(path), file)
    return file
  }

  newKeep(): string {
    this.#kept += 1
    return join(this.#keeps, `${basename(this.root)}-${this.#kept}`)
  }

  removed(path: string): void {
    this.directory(dirname(path)).live.delete(basename(path))
  }

  renamed(node: DiskNode | undefined, from: string, to: string): void {
    this.removed(from)
    if (node !== undefined) this.directory(dirname(to)).live.set(basename(to), node)
  }

  /** A sync of the directory begins now; what it returns is called when it has succeeded. */
  beginDirectorySync(path: string): () => void {
    if (relative(this.root, path).startsWith('..')) return () => {}
    const directory = this.directory(path)
    const captured = new Map(directory.live)
    directory.begun += 1
    const number = directory.begun
    return () => {
      if (number < directory.applied) return
      directory.applied = number
      directory.durable = captured
    }
  }

  /** A sync of a file begins now. Of a file that was not made through this port there is nothing to know. */
  beginSync(path: string): () => void {
    const node = this.find(path)
    if (node?.kind === 'wal') return node.image.beginSync()
    if (node?.kind !== 'file') return () => {}
    const covered = [...node.unsynced].filter(({ done }) => done)
    return () => {
      for (const extent of covered) node.unsynced.delete(extent)
    }
  }

  find(path: string): DiskNode | undefined {
    return this.directory(dirname(path)).live.get(basename(path))
  }

  /** The directory as it is now. */
  directory(path: string): Directory {
    let directory = this.top
    let at = this.root
    refresh(directory, at)
    for (const name of relative(this.root, path).split(sep).filter(Boolean)) {
      const next = directory.live.get(name)
      if (next?.kind !== 'directory') throw new Error(`no directory is known at ${path}`)
      directory = next
      at = join(at, name)
      refresh(directory, at)
    }
    return directory
  }
}

/** Takes in what was made and removed beside the port. */
export function refresh({ live }: Directory, path: string): void {
  const entries = readdirSync(path, { withFileTypes: true })
  const names = new Set(entries.map(({ name }) => name))
  for (const name of live.keys()) if (!names.has(name)) live.delete(name)
  for (const entry of entries) live.set(entry.name, seenAs(entry, live.get(entry.name)))
}

function seenAs(entry: Dirent, known: DiskNode | undefined): DiskNode {
  if (entry.isDirectory()) return known?.kind === 'directory' ? known : emptyDirectory()
  if (entry.name.endsWith('-wal')) return walAt(join(entry.parentPath, entry.name), known)
  return known ?? { kind: 'other' }
}

/** The -wal of before, unless it is another file by now. */
function walAt(path: string, known: DiskNode | undefined): DiskNode {
  const identity = identityOf(path)
  if (known?.kind === 'wal' && known.identity === identity) return known
  return { kind: 'wal', image: new WalImage(path), identity }
}

/** Inode numbers are given again at once: the time of birth tells two files apart. */
export function identityOf(path: string): string {
  const { ino, birthtimeNs } = lstatSync(path, { bigint: true })
  return `${ino} ${birthtimeNs}`
}

export function bytesIn(path: string): number {
  return statSync(path).size
}
