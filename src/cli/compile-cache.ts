import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { environment } from '../config/env.ts'

/**
 * Lets Node keep what it compiles for the next command, which then starts in half the time: in
 * `$XDG_CACHE_HOME/prsm`, or where `NODE_COMPILE_CACHE` says. A folder that cannot be written to is none.
 */
export function keepCompiled(): void {
  const { XDG_CACHE_HOME = '' } = environment()
  const folder = XDG_CACHE_HOME === '' ? join(homedir(), '.cache') : XDG_CACHE_HOME
  enableCompileCache(join(folder, 'prsm'))
}
