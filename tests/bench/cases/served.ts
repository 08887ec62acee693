import { join } from 'node:path'
import { repository } from '../../support/command.ts'
import type { Bench } from '../bench.ts'
import { must } from '../command.ts'
import { startDaemon } from '../daemon.ts'
import { poolEnvironment } from '../environment.ts'
import { startKuboDaemon } from '../kubo-daemon.ts'

/** A daemon with a gateway and peers, ours or Kubo's, on an empty store. Disposing stops it. */
export type Served = AsyncDisposable & {
  readonly pid: number
  /** Of its gateway, as `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Where peers reach it, with its ID. */
  readonly address: string
  /** Stores a file or folder and gives its CID. */
  add(path: string): Promise<string>
}

/** Starts one that stays connected to the peer at an address, if there is one. */
export type Serve = (bench: Bench, peer?: string) => Promise<Served>

export const ours: Serve = async ({ work, signal, timeoutMs }, peer) => {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await work.folder('daemon'))
  const settings = peer === undefined ? {} : { PRSM_PEERS: peer }
  const daemon = stack.use(await startDaemon(folder.path, signal, settings))
  const { pid, gateway: url, address } = daemon
  const prsm = [process.execPath, join(repository, 'src/cli/prsm.mjs')]
  const env = { ...poolEnvironment(), PRSM_API: daemon.url }
  const running = stack.move()
  return {
    ...{ pid, url, address },
    async add(path) {
      const options = { cwd: folder.path, env, timeoutMs, signal }
      return (await must([...prsm, 'add', path], options)).stdout.trim()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** `ipfs` is the path of Kubo's program. */
export function kubos(ipfs: string): Serve {
  return async (bench, peer) => {
    await using stack = new AsyncDisposableStack()
    const daemon = stack.use(await startKuboDaemon(ipfs, bench))
    if (peer !== undefined) await daemon.ipfs(['swarm', 'connect', peer])
    const { pid, gateway: url, address } = daemon
    const running = stack.move()
    return {
      ...{ pid, url, address },
      add: (path) => daemon.ipfs(['add', '--recursive', '--quieter', '--progress=false', path]),
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    }
  }
}
