import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { environment } from '../../src/config/env.ts'

/** The work tree the tests stand in. */
export const repository = fileURLToPath(new URL('../..', import.meta.url))

export type Result = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

type Where = {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly timeoutMs?: number
}

/** Runs a command to its end, without a shell; after `timeoutMs` (default 4 minutes) it is killed. */
export function run(command: readonly string[], where: Where): Promise<Result> {
  const [file = '', ...args] = command
  const child = spawn(file, args, {
    cwd: where.cwd,
    env: where.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: where.timeoutMs ?? 240_000,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (bytes) => (stdout += String(bytes)))
  child.stderr.on('data', (bytes) => (stderr += String(bytes)))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

/** The same, for a command that must succeed: gives what it wrote to stdout. */
export async function must(command: readonly string[], where: Where): Promise<string> {
  const { code, signal, stdout, stderr } = await run(command, where)
  if (code === 0) return stdout
  const said = `${stdout}\n${stderr}`.trim().slice(-4000)
  throw new Error(`${command.join(' ')} ended with ${code ?? signal}:\n${said}`)
}

/** What npm and Vitest put into the environment and a user's shell does not have; the way to a registry stays. */
const OF_TOOLS =
  /^(npm_(?!config_(registry|userconfig|cache|cafile|proxy|https_proxy)$)|VITEST|NODE$|NODE_(ENV|OPTIONS|PATH|V8_COVERAGE)$|INIT_CWD$|PRSM_|(TEST|DEV|PROD|MODE)$)/

/** The environment of a user's shell whose PATH has the folders `first` and nothing of node_modules. */
export function shellEnvironment(first: readonly string[] = []): NodeJS.ProcessEnv {
  const all = environment()
  const kept = Object.entries(all).filter(([name]) => !OF_TOOLS.test(name))
  const path = systemPath()
  return { ...Object.fromEntries(kept), PATH: [...first, ...path].join(delimiter) }
}

/** The folder with the Node of this repository, and nothing else in it. */
export const nodeFolder = join(repository, 'node_modules/node/bin')

/** The folder of the first `node` that a user's shell finds. */
export function systemNodeFolder(): string | undefined {
  return systemPath().find((folder) => existsSync(join(folder, 'node')))
}

function systemPath(): readonly string[] {
  const folders = (environment()['PATH'] ?? '').split(delimiter)
  return folders.filter((each) => !each.includes('node_modules'))
}
