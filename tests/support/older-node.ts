import { join } from 'node:path'
import { must, shellEnvironment, systemNodeFolder } from './command.ts'

/** A Node that this project refuses; the package of npm, where the machine's own is not one. */
const OLDER = 'node@20.19.5'

/** The folder of an older Node: the machine's, else one that is installed below `folder`. */
export async function olderNodeFolder(folder: string): Promise<string> {
  const env = shellEnvironment()
  const system = systemNodeFolder()
  if (system !== undefined) {
    const version = await must([join(system, 'node'), '--version'], { cwd: folder, env })
    if (Number.parseInt(version.slice(1), 10) < 24) return system
  }
  const prefix = join(folder, 'older-node')
  await must(['npm', 'install', '--prefix', prefix, OLDER], { cwd: folder, env })
  return join(prefix, 'node_modules/node/bin')
}
