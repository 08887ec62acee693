import { mkdir, readdir, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { toStorageError } from '../blocks/storage-errors.ts'
import { isDiskFull, PrsmError } from '../core/errors.ts'
import type { FilePort } from '../core/file-port.ts'
import { type FolderLock, lockFolder } from '../db/lock.ts'
import { type FormatStamp, readOrWriteStamp } from './format.ts'

/** A data folder that this process holds. */
export type DataFolder = AsyncDisposable & {
  readonly path: string
  readonly stamp: FormatStamp
  readonly blocksDb: string
  readonly bookDb: string
  readonly blocksDir: string
  /** Says where the node is reached, for whoever finds the folder locked. */
  tellApi(url: string): void
}

/** File systems whose locks and syncs cannot be relied on, by the magic number statfs(2) gives. */
const refused: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x517b, 'SMB'],
])

/**
 * Makes the folder when it is not there (0700), holds it against other processes, checks its format.
 * Throws STORE_LOCKED (who holds it), STORE_TOO_NEW, STORE_CORRUPT, STORAGE_IO, UNSUPPORTED_PLATFORM.
 */
export async function openDataFolder(
  dataDir: string,
  program: string,
  files: FilePort,
): Promise<DataFolder> {
  const path = resolve(dataDir)
  refuseWindows()
  await makeFolder(path)
  await refuseNetworkFileSystem(path)
  const lock: FolderLock = lockFolder(path, program)
  try {
    const stamp = await readOrWriteStamp(path, files)
    return {
      path,
      stamp,
      blocksDb: join(path, 'blocks.db'),
      bookDb: join(path, 'prsm.db'),
      blocksDir: join(path, 'blocks'),
      tellApi: (url) => lock.tellApi(url),
      [Symbol.asyncDispose]: async () => lock.release(),
    }
  } catch (error) {
    lock.release()
    throw toStorageError(error, `the data folder ${path}`)
  }
}

function refuseWindows(): void {
  if (process.platform !== 'win32') return
  throw new PrsmError('UNSUPPORTED_PLATFORM', 'a data folder cannot be kept on Windows', {
    hint: "run prsm in WSL 2 on its own file system, or use storage: 'memory'",
  })
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await readdir(path)
  } catch (cause) {
    throw new PrsmError(
      isDiskFull(cause) ? 'STORAGE_FULL' : 'STORAGE_IO',
      `the data folder ${path} cannot be used: ${cause instanceof Error ? cause.message : cause}`,
      { cause, hint: 'choose a folder you may write to with PRSM_DATA_DIR' },
    )
  }
}

async function refuseNetworkFileSystem(path: string): Promise<void> {
  const { type } = await statfs(path).catch((error: unknown) => {
    throw toStorageError(error, `the data folder ${path}`)
  })
  const name = refused.get(type >>> 0)
  if (name === undefined) return
  throw new PrsmError('UNSUPPORTED_PLATFORM', `${path} is on ${name}, a network file system`, {
    hint: 'its locks and syncs cannot be relied on: choose a local disk with PRSM_DATA_DIR',
  })
}
