import { copyFile, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { repository } from '../../support/command.ts'

const PROGRAM = join(import.meta.dirname, '../programs/live-until-killed.ts')
/** The threads of a node, which it starts from beside itself. */
const THREADS = ['db/database-worker.ts', 'files/summing-thread.ts', 'uploads/hasher-thread.ts']
const NOT_BUNDLED = ['better-sqlite3', 'helia', 'libp2p', '@helia/*', '@libp2p/*', '@chainsafe/*']

/**
 * The program that is killed, in one file below `folder`: a process for each run starts three times as
 * fast as from its three hundred modules. Gives its path.
 */
export async function buildLightProgram(folder: string): Promise<string> {
  // As deep as the sources are below the package: the version is read from there.
  const outdir = join(folder, 'src/light')
  await mkdir(outdir, { recursive: true })
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'))
  await copyFile(join(repository, 'package.json'), join(folder, 'package.json'))
  await build({
    entryPoints: [PROGRAM, ...THREADS.map((name) => join(repository, 'src', name))],
    ...{ outdir, entryNames: '[name]', bundle: true, splitting: true },
    ...{ platform: 'node', format: 'esm', target: 'node24', logLevel: 'error' },
    external: NOT_BUNDLED,
    banner: {
      js: `import { createRequire as forBundled } from 'node:module'; const require = forBundled(import.meta.url)`,
    },
  })
  return join(outdir, 'live-until-killed.js')
}
