import { environment } from '../config/env.ts'

/**
 * MB of each half of V8's young generation. With its own 16, buffers that nobody needs any more stay
 * for so long that a large upload takes 60 MB more, and a third more processor time; with 4, it is
 * collected so often that the gateway answers a quarter fewer requests.
 */
export const YOUNG_GENERATION = '--max-semi-space-size=8'

/** What the environment does not say otherwise. */
const DEFAULTS = {
  /** With the four threads of libuv, four syncs stop every read. */
  UV_THREADPOOL_SIZE: '32',
  /** glibc has more the more threads there are, and each keeps what was freed in it. */
  MALLOC_ARENA_MAX: '2',
}

/**
 * Starts this program anew as a daemon runs best, under the same process id: set from inside, the
 * flag and the variables come too late (nodejs/node#55832). Returns only where that is done, or not
 * possible.
 */
export function restartAsDaemon(): void {
  if (process.execve === undefined || process.execArgv.includes(YOUNG_GENERATION)) return
  const args = [process.execPath, YOUNG_GENERATION, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, args, { ...DEFAULTS, ...environment() })
}
