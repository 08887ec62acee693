import { randomBytes } from 'node:crypto'
import { link, lstat, mkdir, rename, rm, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { abortable } from '../core/abortable.ts'
import type { FolderEntry } from '../core/content.ts'
import { PrsmError, systemCode } from '../core/errors.ts'
import { entryNames } from './entry-path.ts'
import { fileError } from './file-error.ts'
import { InFlight } from './in-flight.ts'
import { createWritten, syncDirectory } from './write-file.ts'

export type SaveOptions = { readonly signal?: AbortSignal }

/** Syncs under way at once: a file system answers many with one journal commit. */
const SYNCS_AT_ONCE = 16

/**
 * Writes `content` to the new file `path` and returns its bytes. It is written to `.prsm-….part` beside
 * it, synced, linked to its name and the folder synced: `path` is there whole, or not at all. What exists
 * is never replaced (only on file systems without hard links a file made in the last moment would be).
 * The pieces must not be changed after they were handed over.
 *
 * Throws FILE_UNWRITABLE (also when `path` exists), FILE_NOT_FOUND (no such folder), STORAGE_FULL,
 * CANCELLED; then the temporary file is gone.
 */
export async function saveFile(
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: SaveOptions = {},
): Promise<number> {
  const target = resolve(path)
  const temporary = await temporaryBeside(target)
  try {
    const { handle, bytes } = await createWritten(temporary, abortable(content, options.signal))
    await handle
      .datasync()
      .finally(() => handle.close())
      .catch((error: unknown) => {
        throw fileError(error, target, 'write')
      })
    await giveName(temporary, target)
    return bytes
  } catch (error) {
    throw await withoutPartial(temporary, fileError(error, target, 'write'))
  }
}

/**
 * The same for a folder: all `entries` are written into a folder `.prsm-….part` beside `path`, every
 * file and folder synced, then it is renamed. Folders that are not listed before what is in them are
 * made. An empty folder that somebody makes at `path` in the last moment is replaced.
 *
 * Throws as `saveFile`, and UNSUPPORTED_ENTRY or INVALID_INPUT for entries whose names lead out of the
 * folder, or come twice.
 */
export async function saveFolder(
  path: string,
  entries: AsyncIterable<FolderEntry>,
  options: SaveOptions = {},
): Promise<{ readonly files: number; readonly bytes: number }> {
  const target = resolve(path)
  const temporary = await temporaryBeside(target)
  const folder = new FolderWriter(temporary)
  try {
    await mkdir(temporary)
    for await (const entry of abortable(entries, options.signal)) {
      if (entry.kind === 'directory') await folder.makeDirectory(entry.path)
      else await folder.writeFile(entry.path, abortable(entry.content, options.signal))
    }
    await folder.sync()
    await rename(temporary, target)
    await syncDirectory(dirname(target))
    return { files: folder.files, bytes: folder.bytes }
  } catch (error) {
    await folder.settled()
    throw await withoutPartial(temporary, fileError(error, target, 'write'))
  }
}

/** Writes entries below `root`, a folder nobody else knows. What was written is synced side by side. */
class FolderWriter {
  files = 0
  bytes = 0
  readonly #root: string
  readonly #directories = new Set<string>([''])
  readonly #syncs = new InFlight(SYNCS_AT_ONCE)

  constructor(root: string) {
    this.#root = root
  }

  async makeDirectory(path: string): Promise<void> {
    const names = entryNames(path)
    for (const depth of names.keys()) {
      const directory = names.slice(0, depth + 1).join('/')
      if (this.#directories.has(directory)) continue
      await mkdir(join(this.#root, directory)).catch((error: unknown) => {
        throw entryError(error, directory)
      })
      this.#directories.add(directory)
    }
  }

  async writeFile(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const parents = entryNames(path).slice(0, -1).join('/')
    if (parents !== '') await this.makeDirectory(parents)
    const { handle, bytes } = await createWritten(join(this.#root, path), content).catch(
      (error: unknown) => {
        throw entryError(error, path)
      },
    )
    this.files += 1
    this.bytes += bytes
    await this.#syncs.add(() => handle.datasync().finally(() => handle.close()))
  }

  /** Makes all of it durable. */
  async sync(): Promise<void> {
    for (const directory of this.#directories) {
      await this.#syncs.add(() => syncDirectory(join(this.#root, directory)))
    }
    await this.#syncs.drain()
  }

  settled(): Promise<void> {
    return this.#syncs.settled()
  }
}

/** In a folder that was empty, what exists was listed before. */
function entryError(error: unknown, path: string): unknown {
  const system = systemCode(error)
  if (system !== 'EEXIST' && system !== 'EISDIR' && system !== 'ENOTDIR') return error
  return new PrsmError('INVALID_INPUT', `the entry ${JSON.stringify(path)} is there twice`, {
    details: { path },
    cause: error,
  })
}

/** A name for the partial file or folder. Throws when `target` exists or its folder does not. */
async function temporaryBeside(target: string): Promise<string> {
  const folder = dirname(target)
  if (await lstat(target).then(() => true, absent(target))) throw exists(target)
  const found = await lstat(folder).then(() => true, absent(folder))
  if (!found) {
    throw new PrsmError('FILE_NOT_FOUND', `the folder ${folder} does not exist`, {
      hint: 'make it first (mkdir -p)',
      details: { path: folder },
    })
  }
  return join(folder, `.prsm-${randomBytes(8).toString('hex')}.part`)
}

function absent(path: string): (error: unknown) => false {
  return (error) => {
    if (systemCode(error) === 'ENOENT') return false
    throw fileError(error, path, 'write')
  }
}

function exists(target: string): PrsmError {
  return new PrsmError('FILE_UNWRITABLE', `${target} exists already and is not replaced`, {
    hint: 'name another place, or move away what is there',
    details: { path: target },
  })
}

/** A link, unlike a rename, fails where the name is taken. */
async function giveName(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target)
    await unlink(temporary)
  } catch (error) {
    if (!linksAreMissing(error)) throw error
    if (await lstat(target).then(() => true, absent(target))) throw exists(target)
    await rename(temporary, target)
  }
  await syncDirectory(dirname(target))
}

function linksAreMissing(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error) ?? '')
}

/** `error`, after what was written is removed; says so when that failed. */
async function withoutPartial(temporary: string, error: Error): Promise<Error> {
  try {
    await rm(temporary, { recursive: true, force: true })
    return error
  } catch (cause) {
    return new PrsmError('FILE_UNWRITABLE', `${error.message}; ${temporary} could not be removed`, {
      hint: `remove ${temporary}`,
      cause: new AggregateError([error, cause]),
    })
  }
}
