import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
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

/** One that hangs is killed after this time, so that its test says what it said. */
const LATE_MS = 50_000

/** As long as all tests of a file may take that share a daemon, on a slow machine. */
const OF_A_FILE_MS = 600_000

const alive = new Set<ChildProcessWithoutNullStreams>()

/** Also what a test left behind that failed, or ran out of time, ends with its file. */
afterAll(() => {
  for (const child of alive) child.kill('SIGKILL')
})

export function start(
  args: readonly string[],
  { path, env }: Pick<Place, 'path' | 'env'>,
  lateMs = LATE_MS,
): Running {
  const options = { cwd: path, env, stdio: 'pipe' } as const
  return follow(spawn(process.execPath, [entry, ...args], options), lateMs)
}

/** Collects what a child writes; kills it after `lateMs`. */
export function follow(child: ChildProcessWithoutNullStreams, lateMs = LATE_MS): Running {
  alive.add(child)
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
      alive.delete(child)
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
  const running = start(['daemon', ...args], place, OF_A_FILE_MS)
  const [, url = ''] = await inTime(running, running.saw(/listens on +(http\S+)/))
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<Result> => {
    running.child.kill(signal)
    return await inTime(running, running.ended)
  }
  return { ...running, url, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}

/** Kills what has not done `work` in time. */
async function inTime<T>({ child }: Running, work: Promise<T>): Promise<T> {
  const late = setTimeout(() => child.kill('SIGKILL'), LATE_MS)
  try {
    return await work
  } finally {
    clearTimeout(late)
  }
}

/** The objects of `--json`, one a line. */
export function objects(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
