import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Result, repository, shellEnvironment } from '../support/command.ts'

/** The entry of the real command line. */
export const entry = join(repository, 'src/cli/prsm.mjs')

export type Place = AsyncDisposable & {
  readonly path: string
  readonly dataDir: string
  readonly env: NodeJS.ProcessEnv
}

/** A folder of its own with a data folder in it, and an environment that names that. */
export async function openPlace(more: NodeJS.ProcessEnv = {}): Promise<Place> {
  const path = await mkdtemp(join(tmpdir(), 'prsm-cli-'))
  const dataDir = join(path, 'data')
  return {
    path,
    dataDir,
    env: {
      ...shellEnvironment(),
      PRSM_DATA_DIR: dataDir,
      PRSM_API_LISTEN: ':0',
      PRSM_GATEWAY_LISTEN: ':0',
      PRSM_SWARM_LISTEN: '/ip4/127.0.0.1/tcp/0',
      ...more,
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** A run of `prsm` that is under way. */
export type Running = {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Result>
  /** The first match in what it wrote to stdout or stderr so far or writes later. */
  saw(pattern: RegExp): Promise<RegExpExecArray>
}

export function start(
  args: readonly string[],
  { path, env }: Pick<Place, 'path' | 'env'>,
): Running {
  return follow(spawn(process.execPath, [entry, ...args], { cwd: path, env, stdio: 'pipe' }))
}

/** Collects what a child writes. One that hangs is killed after `lateMs`, so that its test says what it said. */
export function follow(child: ChildProcessWithoutNullStreams, lateMs = 50_000): Running {
  const late = setTimeout(() => child.kill('SIGKILL'), lateMs)
  const said = { stdout: '', stderr: '' }
  child.stdin.on('error', () => {})
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  const ended = new Promise<Result>((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(late)
      resolve({ code, signal, ...said })
    })
  })
  const saw = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(`${said.stdout}\n${said.stderr}`)
      if (found !== null) return found
      const over = child.exitCode !== null || child.signalCode !== null
      if (over) throw new Error(`ended without ${pattern}:\n${said.stdout}\n${said.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return { child, ended, saw }
}

/** Runs `prsm` to its end. */
export async function prsm(
  args: readonly string[],
  place: Pick<Place, 'path' | 'env'>,
  input: string | Uint8Array = '',
): Promise<Result> {
  const { child, ended } = start(args, place)
  child.stdin.end(input)
  return await ended
}

export type Daemon = AsyncDisposable &
  Running & { readonly url: string; stop(signal?: NodeJS.Signals): Promise<Result> }

/** A real daemon on the data folder of `place`. */
export async function startDaemon(place: Place, args: readonly string[] = []): Promise<Daemon> {
  const running = start(['daemon', ...args], place)
  const [, url = ''] = await running.saw(/listens on +(http\S+)/)
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<Result> => {
    running.child.kill(signal)
    return await running.ended
  }
  return { ...running, url, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}

/** The objects of `--json`, one a line. */
export function objects(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
