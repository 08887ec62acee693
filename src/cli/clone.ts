import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../config/source.ts'

/** The folder of this package. */
const root = fileURLToPath(new URL('../..', import.meta.url))

/** True when this runs from a clone of the repository, not from an installed package. */
export function isClone(): boolean {
  return !root.includes('node_modules') && existsSync(join(root, 'src/cli/main.ts'))
}

/** The data folder when nobody names one: `data` of the clone, else as the XDG base directories have it. */
export function defaultDataDir(env: Environment): string {
  if (isClone()) return join(root, 'data')
  const xdg = env['XDG_DATA_HOME']
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.local/share'), 'prsm')
}

/** How a user starts this program. */
export function programName(): string {
  return isClone() ? 'npx prsm' : 'prsm'
}
