import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Bench } from './bench.ts'
import { must } from './command.ts'
import { stop } from './daemon.ts'
import { plainEnvironment } from './environment.ts'

/** Kubo's daemon on a new repository: loopback only, it looks for nobody. Disposing stops it. */
export type KuboDaemon = AsyncDisposable & {
  readonly pid: number
  /** Of its gateway, as `http://127.0.0.1:PORT`. */
  readonly gateway: string
  /** Where peers reach it, with its ID. */
  readonly address: string
  /** Runs `ipfs ARGS` and gives what it wrote, without the last line's end. */
  ipfs(args: readonly string[]): Promise<string>
}

const SETTINGS = {
  Bootstrap: [],
  'Routing.Type': 'none',
  'AutoConf.Enabled': false,
  'Discovery.MDNS.Enabled': false,
  'Swarm.RelayClient.Enabled': false,
  'Addresses.Swarm': ['/ip4/127.0.0.1/tcp/0'],
  'Addresses.Gateway': '/ip4/127.0.0.1/tcp/0',
  'Addresses.API': '/ip4/127.0.0.1/tcp/0',
} as const

const READY_MS = 60_000

export async function startKuboDaemon(
  program: string,
  { work, signal, timeoutMs }: Bench,
): Promise<KuboDaemon> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await work.folder('kubo-daemon'))
  const repo = join(folder.path, 'repo')
  const options = { cwd: folder.path, env: plainEnvironment({ IPFS_PATH: repo }), signal }
  const ipfs = async (args: readonly string[]): Promise<string> =>
    (await must([program, ...args], { ...options, timeoutMs })).stdout.trim()
  await ipfs(['init', '--profile=unixfs-v1-2025'])
  for (const [key, value] of Object.entries(SETTINGS)) {
    await ipfs(['config', '--json', key, JSON.stringify(value)])
  }
  const child = spawn(program, ['daemon'], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  stack.defer(() => stop(child))
  await ready(child, AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]))
  const gateway = (await readFile(join(repo, 'gateway'), 'utf8')).trim()
  const address = addressIn(await ipfs(['id']))
  const running = stack.move()
  const dispose = () => running.disposeAsync()
  return { pid: child.pid ?? 0, gateway, address, ipfs, [Symbol.asyncDispose]: dispose }
}

function ready(child: ChildProcess, signal: AbortSignal): Promise<void> {
  let said = ''
  return new Promise((resolve, reject) => {
    const hear = (bytes: Buffer): void => {
      said = (said + String(bytes)).slice(-2000)
      if (said.includes('Daemon is ready')) resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    const fail = (): void => reject(new Error(`Kubo's daemon did not start: ${said.trim()}`))
    child.once('error', fail).once('exit', fail)
    signal.addEventListener('abort', fail, { once: true })
  })
}

const identity = z.object({ Addresses: z.array(z.string()) })

function addressIn(id: string): string {
  const { Addresses } = identity.parse(JSON.parse(id))
  const found = Addresses.find((address) => address.startsWith('/ip4/127.0.0.1/tcp/'))
  if (found === undefined) throw new Error(`Kubo's daemon has no loopback address: ${Addresses}`)
  return found
}
