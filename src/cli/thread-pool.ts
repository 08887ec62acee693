import { environment } from '../config/env.ts'

/** Threads the daemon's pool has when nobody says otherwise: with four, four syncs stop every read. */
const DAEMON_THREADS = '16'
/** What libuv has when it is not told. */
const LIBUV_THREADS = 4

/** Threads of this process's pool. */
export function poolThreads(): number {
  return Number(environment()['UV_THREADPOOL_SIZE']) || LIBUV_THREADS
}

/**
 * Starts this program anew with a larger thread pool, under the same process id. Set from inside, the
 * variable may come too late (nodejs/node#55832). Returns only where that is not needed or possible.
 */
export function restartWithThreads(): void {
  const env = environment()
  if (env['UV_THREADPOOL_SIZE'] !== undefined || process.execve === undefined) return
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, args, { ...env, UV_THREADPOOL_SIZE: DAEMON_THREADS })
}
