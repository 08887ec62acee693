import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { repository } from '../support/command.ts'
import { poolEnvironment } from './environment.ts'

/** The real daemon in a process of its own. Disposing stops it. */
export type Daemon = AsyncDisposable & {
  readonly pid: number
  readonly url: string
  /** Of its gateway, as `http://127.0.0.1:PORT`. */
  readonly gateway: string
  /** Where peers reach it, with its ID. */
  readonly address: string
  /** From the start of the process to the first `/health/ready` that said yes. */
  readonly readyMs: number
}

const READY_MS = 60_000
const STOP_MS = 20_000
const ASK_AGAIN_MS = 5

/** What `prsm daemon --json` prints when it listens. */
const announcement = z.object({
  url: z.string(),
  pid: z.number(),
  gateway: z.string(),
  peer: z.object({ addresses: z.tuple([z.string()], z.string()) }),
})

/** With everything a user has, on ports that are free. `settings` are more variables of its environment. */
export async function startDaemon(
  dataDir: string,
  signal: AbortSignal,
  settings: NodeJS.ProcessEnv = {},
): Promise<Daemon> {
  let complaints = ''
  const begun = performance.now()
  const child = spawn(
    process.execPath,
    [join(repository, 'src/cli/prsm.mjs'), 'daemon', '--json'],
    {
      cwd: dataDir,
      env: { ...environmentOf(dataDir), ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  await using stack = new AsyncDisposableStack()
  stack.defer(() => stop(child))
  // One that cannot be started has no first line, either.
  child.on('error', (error) => (complaints += error.message))
  child.stderr.on('data', (bytes) => (complaints = (complaints + String(bytes)).slice(-2000)))
  const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_MS)])
  const line = await firstLine(child, limit).catch((cause: unknown) => {
    throw new Error(`the daemon did not start: ${complaints.trim()}`, { cause })
  })
  const { url, pid, gateway, peer } = announcement.parse(JSON.parse(line))
  await ready(url, limit)
  const readyMs = performance.now() - begun
  const [address] = peer.addresses
  const running = stack.move()
  const dispose = () => running.disposeAsync()
  return { pid, url, gateway, address, readyMs, [Symbol.asyncDispose]: dispose }
}

function environmentOf(dataDir: string): NodeJS.ProcessEnv {
  return {
    ...poolEnvironment(),
    PRSM_DATA_DIR: dataDir,
    PRSM_API_LISTEN: '127.0.0.1:0',
    PRSM_GATEWAY_LISTEN: '127.0.0.1:0',
    PRSM_NETWORK: 'on',
    PRSM_SWARM_LISTEN: '/ip4/127.0.0.1/tcp/0',
    PRSM_MAX_FILE_SIZE: '0',
    PRSM_LOG: 'warn',
  }
}

async function firstLine(child: ChildProcess, signal: AbortSignal): Promise<string> {
  if (child.stdout === null) throw new Error('it has no stdout')
  const lines = createInterface({ input: child.stdout, signal })
  for await (const line of lines) return line
  signal.throwIfAborted()
  throw new Error('it ended without a word')
}

async function ready(url: string, signal: AbortSignal): Promise<void> {
  while (true) {
    const response = await fetch(`${url}/health/ready`, { signal })
    await response.arrayBuffer()
    if (response.ok) return
    await delay(ASK_AGAIN_MS, undefined, { signal })
  }
}

/** Ends it, by force where it takes too long. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exit
  clearTimeout(timer)
}
