import { join } from 'node:path'
import { repository } from '../support/command.ts'
import { type CommandOptions, must, run } from './command.ts'
import { plainEnvironment } from './environment.ts'

/** Kubo's `ipfs`, or why there is none. */
export type KuboProgram =
  | { readonly path: string; readonly version: string }
  | { readonly missing: string }

const ASK_MS = 30_000
const BUILD_MS = 900_000

/**
 * The program that was named, else `ipfs` on PATH, else the one that `scripts/kubo.sh` builds.
 * Throws for a named one that does not run.
 */
export async function findKubo(
  named: string | undefined,
  signal: AbortSignal,
): Promise<KuboProgram> {
  const options = { cwd: repository, env: plainEnvironment(), signal }
  if (named !== undefined) return { path: named, version: await versionOf(named, options) }
  try {
    return { path: 'ipfs', version: await versionOf('ipfs', options) }
  } catch {
    signal.throwIfAborted()
  }
  const script = join(repository, 'scripts/kubo.sh')
  const built = await run(['bash', script], { ...options, timeoutMs: BUILD_MS })
  if (built.code !== 0) return { missing: built.stderr.trim() || 'scripts/kubo.sh took too long' }
  const path = built.stdout.trim()
  return { path, version: await versionOf(path, options) }
}

async function versionOf(
  path: string,
  options: Omit<CommandOptions, 'timeoutMs'>,
): Promise<string> {
  const { stdout } = await must([path, 'version', '--number'], { ...options, timeoutMs: ASK_MS })
  return stdout.trim()
}
