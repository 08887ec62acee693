import { spawn } from 'node:child_process'
import { entry, follow, type Place, type Running } from '../../cli/prsm.ts'
import type { Result } from '../../support/command.ts'

export type Daemon = AsyncDisposable &
  Running & { readonly url: string; readonly pid: number; stop(): Promise<Result> }

/** Longer than a test runs: what hangs is ended by it. */
const LATE_MS = 280_000

/** `prsm`, to be followed for as long as it takes; `entering` puts a command before it. */
export function startPrsm(
  args: readonly string[],
  { path, env }: Pick<Place, 'path' | 'env'>,
  entering = (command: readonly string[]) => command,
): Running & { readonly pid: number } {
  const [file = '', ...rest] = entering([process.execPath, entry, ...args])
  const child = spawn(file, rest, { cwd: path, env, stdio: 'pipe' })
  return { ...follow(child, LATE_MS), pid: child.pid ?? 0 }
}

/** A daemon that listens. Disposing stops it with SIGTERM. */
export async function runDaemon(
  place: Pick<Place, 'path' | 'env'>,
  entering?: (command: readonly string[]) => readonly string[],
): Promise<Daemon> {
  const running = startPrsm(['daemon'], place, entering)
  const [, url = ''] = await running.saw(/listens on +(http\S+)/)
  const stop = async (): Promise<Result> => {
    running.child.kill('SIGTERM')
    return await running.ended
  }
  return { ...running, url, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}
