import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bench, type Case, record } from '../bench.ts'
import { type CommandResult, must } from '../command.ts'
import { plainEnvironment } from '../environment.ts'

/** `kubo-sync` syncs each block's file; `kubo` is as `ipfs init` makes it, which syncs nothing. */
export type KuboMover = 'kubo-sync' | 'kubo'

/** Kubo's command, offline, on a new repository: an import and a read. */
export function kubo(ipfs: string, mover: KuboMover): Case {
  return async (bench) => {
    await using folder = await bench.work.folder(mover)
    const repo = join(folder.path, 'repo')
    const run = (args: readonly string[], discard = false): Promise<CommandResult> =>
      must([ipfs, '--repo-dir', repo, '--offline', ...args], {
        cwd: folder.path,
        env: plainEnvironment({ IPFS_PATH: repo }),
        timeoutMs: bench.timeoutMs,
        signal: bench.signal,
        discard,
      })
    await run(['init', '--profile=unixfs-v1-2025'])
    if (mover === 'kubo-sync') await turnSyncOn(join(repo, 'config'))
    await measure(bench, mover, run)
  }
}

async function measure(
  bench: Bench,
  mover: KuboMover,
  run: (args: readonly string[], discard?: boolean) => Promise<CommandResult>,
): Promise<void> {
  const { path, bytes } = bench.work.file
  // Opens the repository as an import does, and reads a line.
  const start = await run(['pin', 'ls', '--quiet', '--type=recursive'])
  bench.figures.add(`${mover}.start`, bench.round, start.ms)
  await bench.work.settle()
  const added = await run(['add', '--quieter', '--progress=false', path])
  const cid = added.stdout.trim()
  bench.checkCid(cid)
  // The import of a tiny file is lost in the noise of the start.
  const ms = Math.max(1, added.ms - start.ms)
  record(bench, { mover, direction: 'import', bytes, ms, memoryBytes: added.peakBytes })
  await bench.work.settle()
  const read = await run(['cat', cid], true)
  record(bench, { mover, direction: 'read', bytes, ms: read.ms, memoryBytes: read.peakBytes })
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
