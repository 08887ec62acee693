import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './run.ts'

/** A Kubo of a test: its own repository, loopback only, no bootstrap, no routing. */
export type Kubo = AsyncDisposable & {
  /** As `http://127.0.0.1:PORT`. */
  readonly gateway: string
  /** Where it is reached, with its peer ID. */
  readonly peer: string
  /** Runs `ipfs ARGS` and gives what it wrote to stdout. */
  ipfs(args: readonly string[], input?: Uint8Array): Promise<Buffer>
}

const SETTINGS: readonly (readonly [key: string, json: string])[] = [
  ['Bootstrap', '[]'],
  ['Routing.Type', '"none"'],
  ['AutoConf.Enabled', 'false'],
  ['Discovery.MDNS.Enabled', 'false'],
  ['Addresses.Swarm', '["/ip4/127.0.0.1/tcp/0"]'],
  ['Addresses.Gateway', '"/ip4/127.0.0.1/tcp/0"'],
  ['Addresses.API', '"/ip4/127.0.0.1/tcp/0"'],
]

/** The path of the Kubo that `scripts/kubo.sh` builds. A machine that cannot build it fails. */
export async function kuboBinary(): Promise<string> {
  const script = new URL('../../../scripts/kubo.sh', import.meta.url).pathname
  return (await run('bash', [script])).toString().trim()
}

/** Starts one that is ready to be asked. */
export async function startKubo(): Promise<Kubo> {
  const binary = await kuboBinary()
  const repo = await mkdtemp(join(tmpdir(), 'prsm-kubo-'))
  const ipfs = (args: readonly string[], input?: Uint8Array) =>
    run(binary, ['--repo-dir', repo, ...args], input)
  await ipfs(['init', '--profile=test,unixfs-v1-2025'])
  for (const [key, json] of SETTINGS) await ipfs(['config', '--json', key, json])
  const daemon = spawn(binary, ['--repo-dir', repo, 'daemon'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await ready(daemon)
  const id: unknown = JSON.parse((await ipfs(['id'])).toString())
  return {
    gateway: (await readFile(join(repo, 'gateway'), 'utf8')).trim(),
    peer: loopbackAddress(id),
    ipfs,
    [Symbol.asyncDispose]: async () => {
      await ended(daemon)
      await rm(repo, { recursive: true, force: true })
    },
  }
}

function loopbackAddress(id: unknown): string {
  const addresses: unknown = Object(id).Addresses
  const found = Array.isArray(addresses)
    ? addresses.find((each) => String(each).startsWith('/ip4/127.0.0.1/tcp/'))
    : undefined
  if (found === undefined) throw new Error('Kubo listens on no loopback address')
  return String(found)
}

function ready(daemon: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    const hear = (chunk: Buffer): void => {
      said += chunk
      if (said.includes('Daemon is ready')) resolve()
    }
    daemon.stdout?.on('data', hear)
    daemon.stderr?.on('data', hear)
    daemon.once('exit', () => reject(new Error(`Kubo ended: ${said}`)))
  })
}

async function ended(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null) return
  const exit = new Promise((resolve) => daemon.once('exit', resolve))
  daemon.kill('SIGINT')
  const late = setTimeout(() => daemon.kill('SIGKILL'), 10_000)
  await exit
  clearTimeout(late)
}
