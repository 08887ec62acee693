import type { FolderEntry } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import { emptyFolderLine, type ManifestLine, manifestSha256 } from '../core/manifest.ts'
import { fromSource } from '../files/from-source.ts'
import { FileReader, type FileReaderInit } from './file-reader.ts'

export type FolderToRead = {
  /** As of a `FileToRead`, for every file in it. */
  readonly handedOver?: boolean
  readonly entries: AsyncIterable<FolderEntry>
}

/** A folder's entries on their way in, each file read as `FileReader` does, with the manifest kept. */
export class FolderReader implements AsyncIterable<FolderEntry> {
  readonly #folder: FolderToRead
  readonly #init: FileReaderInit
  readonly #lines: ManifestLine[] = []
  readonly #folders = new Set<string>()
  readonly #parents = new Set<string>()

  constructor(folder: FolderToRead, init: FileReaderInit) {
    this.#folder = folder
    this.#init = init
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FolderEntry> {
    for await (const entry of fromSource(this.#folder.entries)) {
      checkEntry(entry)
      this.#noteParents(entry.path)
      if (entry.kind === 'directory') this.#folders.add(entry.path)
      yield entry.kind === 'directory' ? entry : { ...entry, content: this.#read(entry) }
    }
  }

  /** Hex, of the folder's manifest. */
  sha256(): string {
    const empty = [...this.#folders].filter((path) => !this.#parents.has(path))
    return manifestSha256([...this.#lines, ...empty.map(emptyFolderLine)])
  }

  async *#read(entry: FolderEntry & { kind: 'file' }): AsyncGenerator<Uint8Array> {
    const { path, size, content } = entry
    const { handedOver = false } = this.#folder
    const file = { name: path, bytesTotal: size, handedOver, content }
    using reader = new FileReader(file, this.#init)
    yield* reader
    this.#lines.push({ path, sha256: await reader.sha256() })
  }

  #noteParents(path: string): void {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash)
      if (this.#parents.has(parent)) return
      this.#parents.add(parent)
    }
  }
}

/** Entries may come from a host application that no compiler has checked. Names are checked where they are stored. */
function checkEntry(entry: FolderEntry): void {
  const { kind, path } = entry
  const sized = kind === 'directory' || (Number.isSafeInteger(entry.size) && entry.size >= 0)
  if (typeof path === 'string' && sized) return
  throw new PrsmError('INVALID_INPUT', `an entry of the folder has no path or no size: ${path}`, {
    hint: "give { kind: 'directory', path } or { kind: 'file', path, size, content }",
  })
}
