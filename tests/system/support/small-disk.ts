import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { cp, mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../../../src/core/errors.ts'

/** A disk that is really full when it is: a tmpfs that only processes which entered it see. */
export type SmallDisk = AsyncDisposable & {
  /** Where it is mounted, for who entered. */
  readonly path: string
  /** The same folder, as it can be read and written from outside. */
  readonly view: string
  /** `command` as one that enters first; it keeps its process id. */
  entering(command: readonly string[]): readonly string[]
  /** Takes all room that is left, down to the last page, into the file `name`. */
  fill(name: string): void
  /** Gives back what `fill` took. */
  free(name: string): void
  /** A copy of a folder on it, for programs that did not enter. */
  copyOut(name: string, to: string): Promise<void>
}

const PAGE = 4096
const MOUNT = 'mount -t tmpfs -o "size=$1,mode=0700" tmpfs "$0" && echo mounted && exec cat'

/** Mounts it in a mount namespace of its own. Only root may, and who is not is told so. */
export async function mountSmallDisk(bytes: number): Promise<SmallDisk> {
  if (process.geteuid?.() !== 0) {
    throw new Error('a file system can be mounted by root only: run the system tests as root')
  }
  const path = await mkdtemp(join(tmpdir(), 'prsm-disk-'))
  const options = ['--mount', '--propagation', 'private']
  const holder = spawn('unshare', [...options, 'sh', '-c', MOUNT, path, String(bytes)])
  let complaints = ''
  holder.stderr.on('data', (text) => (complaints += String(text)))
  const ended = once(holder, 'close')
  const mounted = await Promise.race([once(holder.stdout, 'data').then(() => true), ended])
  if (mounted !== true) throw new Error(`no tmpfs could be mounted: ${complaints.trim()}`)
  const view = `/proc/${holder.pid}/root${path}`
  return {
    path,
    view,
    entering: (command) => ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`, '--', ...command],
    fill: (name) => fill(join(view, name)),
    free: (name) => rmSync(join(view, name)),
    copyOut: (name, to) => cp(join(view, name), to, { recursive: true }),
    [Symbol.asyncDispose]: async () => {
      holder.stdin.end()
      await ended
      await rmdir(path)
    },
  }
}

function fill(path: string): void {
  const file = openSync(path, 'a')
  try {
    for (const bytes of [64 * PAGE, PAGE]) writeUntilFull(file, Buffer.alloc(bytes, 'ballast'))
  } finally {
    closeSync(file)
  }
}

function writeUntilFull(file: number, bytes: Uint8Array): void {
  try {
    while (writeSync(file, bytes) > 0);
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') throw error
  }
}
