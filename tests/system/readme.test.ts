import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, it } from 'vitest'
import { must, repository, shellEnvironment } from '../support/command.ts'
import { blocks } from '../support/readme.ts'
import { ShellSession } from '../support/shell-session.ts'

/** A line that does not end: it starts the daemon. */
const DAEMON = /(^|&& )(npm start|npx prsm daemon\b[^#]*)(\s+#.*)?$/
const READY = /http:\/\/127\.0\.0\.1:\d+/
const DEFAULT_PORT = 8000
const INSTALL_MS = 300_000
const COMMAND_MS = 120_000

it.each(['a first', 'a second'])(
  'the commands of README.md work word for word in %s fresh clone',
  { timeout: 900_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prsm-readme-'))
    try {
      const clone = join(folder, 'clone')
      const port = await daemonPort()
      const env = await userEnvironment(folder, port)
      await must(['git', 'clone', '--quiet', repository, clone], { cwd: folder, env })
      await makeInputs(clone)
      const steps = (await readSteps(clone)).map((step) => step.replace(':8000/', `:${port}/`))
      expect(steps.some((step) => DAEMON.test(step))).toBe(true)
      expect(steps.length).toBeGreaterThan(5)
      await runSteps(steps, clone, env)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)

/** A user's shell with an empty npx cache; packages that were downloaded before may be reused. */
async function userEnvironment(folder: string, port: number): Promise<NodeJS.ProcessEnv> {
  const env = shellEnvironment()
  const cache = join(folder, 'npm-cache')
  const shared = (await must(['npm', 'config', 'get', 'cache'], { cwd: folder, env })).trim()
  await mkdir(cache)
  await mkdir(join(shared, '_cacache'), { recursive: true })
  await symlink(join(shared, '_cacache'), join(cache, '_cacache'))
  const listen = port === DEFAULT_PORT ? {} : { PRSM_API_LISTEN: `127.0.0.1:${port}` }
  return { ...env, ...listen, npm_config_cache: cache }
}

/** The README's port, or a free one where another program of this machine has that. */
async function daemonPort(): Promise<number> {
  return (await listenOnce(DEFAULT_PORT)) ?? (await listenOnce(0)) ?? DEFAULT_PORT
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

/** What the README's examples take as given. */
async function makeInputs(clone: string): Promise<void> {
  const mebibytes = (function* () {
    for (let count = 0; count < 64; count += 1) yield randomBytes(1024 ** 2)
  })()
  await pipeline(Readable.from(mebibytes), createWriteStream(join(clone, 'model.safetensors')))
  await mkdir(join(clone, 'folder/below'), { recursive: true })
  await writeFile(join(clone, 'folder/config.json'), '{}')
  await writeFile(join(clone, 'folder/.hidden'), 'taken, too')
  await writeFile(join(clone, 'folder/below/weights.bin'), randomBytes(300_000))
  await writeFile(join(clone, 'x'), 'a small file\n')
}

/** The commands of all `sh` blocks in order; a line that ends in `\` goes on in the next one. */
async function readSteps(clone: string): Promise<readonly string[]> {
  const readme = await readFile(join(clone, 'README.md'), 'utf8')
  return blocks(readme, 'sh')
    .flatMap((block) => block.split(/(?<!\\)\n/))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

async function runSteps(steps: readonly string[], clone: string, env: NodeJS.ProcessEnv) {
  await using terminals = new AsyncDisposableStack()
  const user = terminals.use(new ShellSession(clone, env))
  for (const step of steps) {
    if (DAEMON.test(step)) {
      await terminals.use(new ShellSession(clone, env)).start(step, READY, INSTALL_MS)
      continue
    }
    const { code, output } = await user.run(step, step.startsWith('npm ') ? INSTALL_MS : COMMAND_MS)
    expect(code, `${step}\n${output.slice(-4000)}`).toBe(0)
  }
}
