import { createHash, randomFillSync } from 'node:crypto'
import { mkdir, mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { must } from './command.ts'
import { plainEnvironment } from './environment.ts'

export type RandomFile = {
  readonly path: string
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

export type TemporaryFolder = AsyncDisposable & { readonly path: string }

/** A temporary folder on the disk that is measured, with the file in it. Disposing removes it. */
export type Workspace = AsyncDisposable & {
  readonly path: string
  readonly file: RandomFile
  /** An empty folder in it; disposing removes it. */
  folder(name: string): Promise<TemporaryFolder>
  /** Waits until what others wrote is on the disk, so that nobody pays for it later. */
  settle(): Promise<void>
}

export type WorkspaceInit = {
  readonly dir: string
  readonly bytes: number
  readonly signal: AbortSignal
}

const PIECE_BYTES = 1_048_576
const SYNC_MS = 300_000

/** Throws when the disk has not room for the file, a store of it, and as much again. */
export async function openWorkspace({ dir, bytes, signal }: WorkspaceInit): Promise<Workspace> {
  await mkdir(dir, { recursive: true })
  await checkRoom(dir, 3 * bytes)
  await using stack = new AsyncDisposableStack()
  const path = await mkdtemp(join(resolve(dir), 'bench-'))
  stack.defer(() => rm(path, { recursive: true, force: true }))
  const file = await writeRandomFile({ path: join(path, 'random'), bytes, signal })
  const written = stack.move()
  const command = { cwd: path, env: plainEnvironment(), timeoutMs: SYNC_MS, signal }
  return {
    path,
    file,
    folder: (name) => temporaryFolder(join(path, `${name}-`)),
    async settle() {
      await must(['sync', '-f', path], command)
    },
    [Symbol.asyncDispose]: () => written.disposeAsync(),
  }
}

async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(prefix)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function checkRoom(dir: string, wanted: number): Promise<void> {
  const { bytes } = await roomIn(dir)
  if (bytes >= wanted) return
  const room = `${dir} has room for ${bytes} bytes, and ${wanted} are needed`
  throw new Error(`${room}: choose another disk with --dir, or a smaller --size`)
}

type Room = { readonly bytes: number; readonly files: number }

/** What the disk of a folder still has room for. */
export async function roomIn(dir: string): Promise<Room> {
  const { bavail, bsize, files, ffree } = await statfs(dir)
  // Some file systems have as many files as there are bytes for, and count none.
  return { bytes: bavail * bsize, files: files === 0 ? Number.POSITIVE_INFINITY : ffree }
}

type RandomFileInit = {
  readonly path: string
  readonly bytes: number
  readonly signal: AbortSignal
}

export async function writeRandomFile({
  path,
  bytes,
  signal,
}: RandomFileInit): Promise<RandomFile> {
  const hash = createHash('sha256')
  await using file = await open(path, 'wx')
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    signal.throwIfAborted()
    const piece = randomFillSync(new Uint8Array(Math.min(PIECE_BYTES, bytes - at)))
    hash.update(piece)
    await file.writeFile(piece)
  }
  await file.datasync()
  return { path, bytes, sha256: hash.digest('hex') }
}
