import { readFile, realpath, statfs } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { POOL_THREADS } from './environment.ts'

/** What was measured on. */
export type Machine = {
  readonly cpu: string
  readonly cores: number
  /** Whether the CPU has instructions for SHA-256; `undefined` where that is not told. */
  readonly shaInstructions: boolean | undefined
  readonly memoryBytes: number
  readonly system: string
  readonly node: string
  readonly poolThreads: number
  /** As `ext4 on /dev/sda1 (rw,relatime)`. */
  readonly disk: string
  readonly freeBytes: number
  /** Processes that ran or waited, in the mean of the last minute: others make figures worse. */
  readonly load: number
}

export async function describeMachine(folder: string): Promise<Machine> {
  const all = cpus()
  const { bavail, bsize } = await statfs(folder)
  return {
    cpu: all[0]?.model.trim() ?? 'unknown CPU',
    cores: all.length,
    shaInstructions: await hasShaInstructions(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()} ${process.arch}`,
    node: process.version,
    poolThreads: POOL_THREADS,
    disk: await diskOf(folder),
    freeBytes: bavail * bsize,
    load: loadNow(),
  }
}

export function loadNow(): number {
  return loadavg()[0] ?? 0
}

async function hasShaInstructions(): Promise<boolean | undefined> {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(await textOf('/proc/cpuinfo'))?.[1]
  return flags === undefined ? undefined : /\b(sha_ni|sha2)\b/.test(flags)
}

/** The mount whose folder is the longest beginning of the path (proc_pid_mounts(5)). */
async function diskOf(folder: string): Promise<string> {
  const path = `${await realpath(folder)}/`
  const mounts = (await textOf('/proc/mounts')).split('\n').map((line) => line.split(' '))
  const [found] = mounts
    .filter(([, at = '-']) => path.startsWith(at.endsWith('/') ? at : `${at}/`))
    .toSorted(([, a = ''], [, b = '']) => b.length - a.length)
  if (found === undefined) return 'unknown disk'
  const [device, , fileSystem, options] = found
  return `${fileSystem} on ${device} (${options})`
}

function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
