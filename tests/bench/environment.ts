import { environment } from '../../src/config/env.ts'

/** Threads of the pool of every Node process that is measured: what `npm start` gives the daemon. */
export const POOL_THREADS = 32

/** The environment for our programs and Helia's: that of this process without our settings. */
export function poolEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(environment()).filter(([name]) => !name.startsWith('PRSM_'))
  return { ...Object.fromEntries(kept), UV_THREADPOOL_SIZE: String(POOL_THREADS) }
}

/** The environment for other programs, whose words are read: in English. */
export function plainEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...environment(), LC_ALL: 'C', ...more }
}
