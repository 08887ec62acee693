import { existsSync, globSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { must, nodeFolder, repository, run, shellEnvironment } from '../support/command.ts'
import { olderNodeFolder } from '../support/older-node.ts'
import { blocks } from '../support/readme.ts'
import { ShellSession } from '../support/shell-session.ts'

const HELLO_CID = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'
const MEBIBYTE = 1024 ** 2
const NODE_NEEDED = /Node (>= ?)?24\.15/

/** A host application that uses the types, as strictly as TypeScript can. */
const CONSUMER = `
import { createStorageNode, isPrsmError, PrsmError, type Storage, type UploadResult } from 'prsm-ipfs'
import * as client from 'prsm-ipfs/client'

export async function keep(storage: Storage, text: string): Promise<UploadResult> {
  try {
    return await storage.upload(text, { filename: 'a.txt', onProgress: ({ bytesDone }) => bytesDone.toFixed() })
  } catch (error) {
    if (isPrsmError(error) && error.code === 'STORAGE_FULL') throw new PrsmError('STORAGE_FULL', 'full')
    throw error
  }
}

export async function both(): Promise<readonly Uint8Array[]> {
  await using node = await createStorageNode({ storage: 'memory' })
  const { cid } = await keep(node, 'typed')
  const chunks: Uint8Array[] = []
  for await (const chunk of node.download(cid, { offset: 1 })) chunks.push(chunk)
  // @ts-expect-error a length is a number
  node.download(cid, { length: '1' })
  return chunks
}

export const names: readonly string[] = Object.keys(client)
`

/** Two nodes in one process: what one stores, the other can have from nobody but it. */
const EXCHANGE = `
import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { createStorageNode } from 'prsm-ipfs'

const network = { listen: ['/ip4/127.0.0.1/tcp/0'] }
await using one = await createStorageNode({ storage: 'memory', network })
await using other = await createStorageNode({ storage: 'memory', network })
const bytes = randomBytes(${MEBIBYTE})
const { cid } = await one.upload(bytes, { filename: 'a.bin' })
const { addresses } = await one.id()
await other.connectPeer(addresses[0])
const got = await buffer(other.download(cid))
console.log('got', got.length, got.equals(bytes) ? 'equal bytes' : 'other bytes')
`

/** Fetched for the test alone, by npx. */
const PNPM = 'pnpm@10.34.8'
const UNWANTED = /react-native|webrtc|datachannel|^helia$|^@helia\/(libp2p|bitswap|http)$/
/** What a user may have to install at most, our own files included. */
const MOST_PACKAGES = 360
const MOST_MB = 200

let folder: string
let project: string
let tarball: string
let current: NodeJS.ProcessEnv
let older: NodeJS.ProcessEnv

const manifest = async (path: string) =>
  JSON.parse(await readFile(join(path, 'package.json'), 'utf8'))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prsm-package-'))
  current = {
    ...shellEnvironment([nodeFolder]),
    XDG_DATA_HOME: join(folder, 'xdg'),
    // Packages that were downloaded before are good enough, and one that does not come is asked for again.
    npm_config_prefer_offline: 'true',
    npm_config_fetch_timeout: '30000',
  }
  older = { ...current, PATH: shellEnvironment([await olderNodeFolder(folder)])['PATH'] }
  await must(['npm', 'pack', '--pack-destination', folder], { cwd: repository, env: older })
  tarball = join(folder, `prsm-ipfs-${(await manifest(repository)).version}.tgz`)
  project = join(folder, 'project')
  await mkdir(project)
  const { devDependencies } = await manifest(repository)
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({
      name: 'empty',
      private: true,
      type: 'module',
      devDependencies: { '@types/node': devDependencies['@types/node'] },
    }),
  )
  await must(['npm', 'install', tarball], { cwd: project, env: older })
  await writeFile(join(project, 'example.ts'), await readmeExample())
  await writeFile(join(project, 'model.safetensors'), 'a model '.repeat(20_000))
}, 600_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

/** All TypeScript of the README: each block goes on where the one before ended. */
async function readmeExample(): Promise<string> {
  const readme = await readFile(join(repository, 'README.md'), 'utf8')
  return blocks(readme, 'ts').join('\n')
}

describe('the tarball', () => {
  it('has what a user needs, and nothing else', async () => {
    const listed = await must(['tar', '-tzf', tarball], { cwd: folder, env: current })
    const files = listed
      .trim()
      .split('\n')
      .map((path) => path.replace('package/', ''))
    expect(files).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'CHANGELOG.md',
        'docs/CONFIGURATION.md',
        'package.json',
        'src/cli/prsm.mjs',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cli/main.js',
        'dist/client/client.js',
        'dist/db/database-worker.js',
        'dist/vendor/helia.js',
        'dist/vendor/LICENSES',
      ]),
    )
    const known =
      /^(dist\/(.*\.(js|d\.ts)|vendor\/LICENSES)|docs\/.*|src\/cli\/prsm\.mjs|[A-Z]+(\.md)?|package\.json)$/
    expect(files.filter((file) => !known.test(file))).toEqual([])
  })

  it('has no fault that publint knows', async () => {
    const pkgDir = join(project, 'node_modules/prsm-ipfs')
    const { messages } = await publint({ pkgDir, pack: false, strict: true })
    expect(messages).toEqual([])
  })
})

/** The packages in `node_modules`, each as often as it is there. No link is followed: pnpm's go to `.pnpm`. */
function packagesIn(cwd: string): readonly string[] {
  return globSync(['node_modules/**/package.json', 'node_modules/.pnpm/**/package.json'], { cwd })
    .map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\/package\.json$/.exec(path)?.[1])
    .filter((name) => name !== undefined)
}

describe.each(['npm', 'pnpm'])('what %s installs', (installer) => {
  let home: string

  beforeAll(async () => {
    home = project
    if (installer === 'npm') return
    home = join(folder, 'with-pnpm')
    await mkdir(home)
    await writeFile(join(home, 'package.json'), '{"name":"empty","private":true,"type":"module"}')
    const store = join(folder, 'pnpm-store')
    await must(['npx', '--yes', PNPM, 'add', '--store-dir', store, tarball], {
      cwd: home,
      env: current,
    })
  }, 600_000)

  it('is small, and has no React Native and no WebRTC', async () => {
    const names = packagesIn(home)
    // Ours, and what only ours needs: a list that is empty or short is no pass.
    expect(names).toEqual(expect.arrayContaining(['prsm-ipfs', 'libp2p', '@libp2p/tcp', 'cborg']))
    expect(names.filter((name) => UNWANTED.test(name))).toEqual([])
    const kib = await must(['du', '-sk', 'node_modules'], { cwd: home, env: current })
    const mb = Math.round((Number.parseInt(kib, 10) * 1024) / 1e6)
    process.stdout.write(`${installer}: ${names.length} packages, ${mb} MB\n`)
    expect(names.length).toBeLessThanOrEqual(MOST_PACKAGES)
    expect(mb).toBeLessThanOrEqual(MOST_MB)
  })

  it('exchanges blocks over TCP', async () => {
    await writeFile(join(home, 'exchange.js'), EXCHANGE)
    const stdout = await must(['node', 'exchange.js'], { cwd: home, env: current })
    expect(stdout).toBe(`got ${MEBIBYTE} equal bytes\n`)
  })
})

describe('the library, from an empty project', () => {
  it('runs the examples of the README', async () => {
    const stdout = await must(['node', 'example.ts'], { cwd: project, env: current })
    expect(stdout).toContain(HELLO_CID)
    expect(stdout).toContain('Hello PRSM IPFS!')
    const copy = await readFile(join(project, 'copy.safetensors'), 'utf8')
    expect(copy).toBe(await readFile(join(project, 'model.safetensors'), 'utf8'))
  })

  it('has a client', async () => {
    const text =
      "import * as client from 'prsm-ipfs/client'; console.log(Object.keys(client).length > 0)"
    const command = ['node', '--input-type=module', '--eval', text]
    expect(await must(command, { cwd: project, env: current })).toBe('true\n')
  })

  it.each(['prsm-ipfs', 'prsm-ipfs/client'])(
    'refuses to load %s in an older Node, with words',
    async (name) => {
      const command = ['node', '--input-type=module', '--eval', `import '${name}'`]
      const { code, signal, stderr } = await run(command, { cwd: project, env: older })
      expect({ code, signal }).toEqual({ code: 1, signal: null })
      expect(stderr).toContain('PRSM needs Node 24.15, this is ')
    },
  )

  it.each(['nodenext', 'bundler'])('has types for moduleResolution %s', async (resolution) => {
    const tsconfig = {
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
        target: 'es2024',
        lib: ['es2024', 'esnext.disposable'],
        types: ['node'],
        module: resolution === 'nodenext' ? 'nodenext' : 'esnext',
        moduleResolution: resolution,
      },
      files: ['consumer.ts', 'example.ts'],
    }
    await writeFile(join(project, 'consumer.ts'), CONSUMER)
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(tsconfig))
    for (const compiler of ['tsc', 'tsc6']) {
      const tsc = join(repository, 'node_modules/.bin', compiler)
      const { stdout, code } = await run([tsc, '-p', project], { cwd: project, env: current })
      expect({ compiler, stdout, code }).toEqual({ compiler, stdout: '', code: 0 })
    }
  })
})

describe('the command', () => {
  it('runs by npx from the project', async () => {
    const stdout = await must(['npx', 'prsm', '--version'], { cwd: project, env: current })
    expect(stdout).toContain((await manifest(repository)).version)
  })

  it('refuses an older Node by npx, with words', async () => {
    const command = ['npx', 'prsm', '--version']
    const { code, stderr } = await run(command, { cwd: project, env: older })
    expect(code).toBeGreaterThan(0)
    expect(stderr).toMatch(NODE_NEEDED)
  })

  describe('installed globally', () => {
    let prsm: string

    beforeAll(async () => {
      const prefix = join(folder, 'global')
      const install = ['npm', 'install', '--global', '--prefix', prefix, tarball]
      await must(install, { cwd: folder, env: older })
      prsm = join(prefix, 'bin/prsm')
    }, 300_000)

    it('tells its version, and refuses an older Node with words', async () => {
      const { code, signal, stderr } = await run([prsm, '--version'], { cwd: folder, env: older })
      expect({ failed: code !== 0, signal }).toEqual({ failed: true, signal: null })
      expect(stderr).toMatch(NODE_NEEDED)
      const version = await must([prsm, '--version'], { cwd: folder, env: current })
      expect(version).toContain((await manifest(repository)).version)
    })

    it('keeps a file below $XDG_DATA_HOME and gives it back', async () => {
      const env = { ...current, PRSM_API_LISTEN: ':0' }
      await writeFile(join(folder, 'test.txt'), 'Hello PRSM IPFS!')
      await using terminal = new ShellSession(folder, env)
      await terminal.start(`${prsm} daemon`, /http:\/\/127\.0\.0\.1:\d+/, 60_000)
      const added = await must([prsm, 'add', 'test.txt'], { cwd: folder, env })
      expect(added).toContain(HELLO_CID)
      const back = await must([prsm, 'cat', HELLO_CID], { cwd: folder, env })
      expect(back).toBe('Hello PRSM IPFS!')
      expect(existsSync(join(folder, 'xdg/prsm/daemon.json'))).toBe(true)
    })
  })
})
