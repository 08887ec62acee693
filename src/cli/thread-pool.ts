import { environment } from '../config/env.ts'

/** What libuv has when it is not told. */
const LIBUV_THREADS = 4

/** Threads of this process's pool. */
export function poolThreads(): number {
  return Number(environment()['UV_THREADPOOL_SIZE']) || LIBUV_THREADS
}
