import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { type CommandResult, must } from './command.ts'
import { plainEnvironment } from './environment.ts'

/** `kubo-sync` syncs each block's file; `kubo` is as `ipfs init` makes it, which syncs nothing. */
export type KuboMover = 'kubo-sync' | 'kubo'

type RunOptions = { readonly discard?: boolean; readonly timeoutMs?: number }

/** Kubo's command, offline, on a new repository. Disposing removes that. */
export type KuboRepo = AsyncDisposable & {
  /** Milliseconds of a command that opens the repository and does next to nothing. */
  readonly startMs: number
  run(args: readonly string[], options?: RunOptions): Promise<CommandResult>
  /** `ipfs add`: the last CID it tells; its time is that without the start. */
  add(args: readonly string[], options?: RunOptions): Promise<KuboAdded>
}

export type KuboAdded = Pick<CommandResult, 'ms' | 'peakBytes'> & { readonly cid: string }

export async function openKubo(ipfs: string, mover: KuboMover, bench: Bench): Promise<KuboRepo> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await bench.work.folder(mover))
  const repo = join(folder.path, 'repo')
  const { timeoutMs, signal } = bench
  const env = plainEnvironment({ IPFS_PATH: repo })
  const run: KuboRepo['run'] = (args, options) =>
    must([ipfs, '--repo-dir', repo, '--offline', ...args], {
      ...{ cwd: folder.path, env, timeoutMs, signal },
      ...options,
    })
  await run(['init', '--profile=unixfs-v1-2025'])
  if (mover === 'kubo-sync') await turnSyncOn(join(repo, 'config'))
  // Opens the repository as an import does, and reads a line.
  const { ms: startMs } = await run(['pin', 'ls', '--quiet', '--type=recursive'])
  const running = stack.move()
  return {
    startMs,
    run,
    async add(args, options) {
      const { stdout, ms, peakBytes } = await run(
        ['add', '--quieter', '--progress=false', ...args],
        options,
      )
      return { cid: stdout.trim(), ms: withoutStart(ms, startMs), peakBytes }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** What is tiny is lost in the noise of the start. */
export function withoutStart(ms: number, startMs: number): number {
  return Math.max(1, ms - startMs)
}

type FlatFs = { readonly type: 'flatfs'; sync: boolean }

/** Sets `sync` of the flatfs in `Datastore.Spec`. Throws when there is none. */
async function turnSyncOn(path: string): Promise<void> {
  const config: unknown = JSON.parse(await readFile(path, 'utf8'))
  const stores = flatFsIn(config)
  if (stores.length === 0) throw new Error(`${path} has no flatfs`)
  for (const store of stores) store.sync = true
  await writeFile(path, JSON.stringify(config, null, 2))
}

function flatFsIn(value: unknown): readonly FlatFs[] {
  if (typeof value !== 'object' || value === null) return []
  const inside = Object.values(value).flatMap(flatFsIn)
  return isFlatFs(value) ? [value, ...inside] : inside
}

function isFlatFs(value: object): value is FlatFs {
  return 'type' in value && value.type === 'flatfs' && 'sync' in value
}
