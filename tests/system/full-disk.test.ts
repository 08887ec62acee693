import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createClient, type StorageClient } from '../../src/client/client.ts'
import { objects, openPlace, prsm } from '../cli/prsm.ts'
import { must, repository, shellEnvironment } from '../support/command.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { failureOf } from '../support/failure.ts'
import { type Inventory, inventory } from '../support/inventory.ts'
import { type Daemon, runDaemon, startPrsm } from './support/daemon.ts'
import { mountSmallDisk, type SmallDisk } from './support/small-disk.ts'

const DISK_BYTES = 32 * MIB
/** More than the disk has room for. */
const TOO_MUCH = noise(40 * MIB, 7)
const MOST_SMALL_FILES = 500

type Kept = Map<string, Uint8Array>

type Scene = AsyncDisposable & {
  readonly disk: SmallDisk
  /** A folder on the machine's own disk, for the command line. */
  readonly path: string
  readonly env: NodeJS.ProcessEnv
  readonly dataDir: string
  start(more?: NodeJS.ProcessEnv): Promise<Daemon>
  inventory(): Promise<Inventory>
}

/** A data folder on a disk of 32 MiB. */
async function openScene(): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const disk = stack.use(await mountSmallDisk(DISK_BYTES))
  const path = await mkdtemp(join(tmpdir(), 'prsm-full-'))
  stack.defer(() => rm(path, { recursive: true, force: true }))
  const dataDir = join(disk.path, 'data')
  const env = {
    ...shellEnvironment(),
    PRSM_DATA_DIR: dataDir,
    PRSM_API_LISTEN: ':0',
    // The disk itself is to say that it is full.
    PRSM_STORAGE_RESERVE: '0',
    PRSM_GATEWAY_LISTEN: ':0',
    PRSM_SWARM_LISTEN: '/ip4/127.0.0.1/tcp/0',
  }
  await writeFile(join(path, 'too-much.bin'), TOO_MUCH)
  const open = stack.move()
  let copies = 0
  return {
    disk,
    path,
    env,
    dataDir,
    start: (more = {}) => runDaemon({ path, env: { ...env, ...more } }, disk.entering),
    inventory: async () => {
      const copy = join(path, `copy-${++copies}`)
      await disk.copyOut('data', copy)
      return await inventory(copy)
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** What the command line is told that did not enter: where the daemon is. */
function outside({ path, env }: Scene, { url }: Daemon) {
  return { path, env: { ...env, PRSM_API: url } }
}

/** Stores a few files that must be there ever after. */
async function storeSome(client: StorageClient): Promise<Kept> {
  const kept: Kept = new Map()
  for (const [name, bytes] of [
    ['large', 5 * MIB + 17],
    ['inline', 30_000],
    ['empty', 0],
  ] as const) {
    const content = noise(bytes, 3)
    const { cid } = await client.upload(content, { filename: name })
    kept.set(cid, content)
  }
  return kept
}

/** Stores small files until the disk has no room for one more; those that were acknowledged are kept. */
async function storeUntilFull(client: StorageClient, kept: Kept): Promise<void> {
  for (let count = 0; count < MOST_SMALL_FILES; count += 1) {
    const bytes = noise(50_000, 100 + kept.size)
    const name = `small-${kept.size}`
    const stored = await client.upload(bytes, { filename: name }).catch((error: unknown) => error)
    if (stored instanceof Error) return expectFull(stored)
    kept.set((stored as { cid: string }).cid, bytes)
  }
  throw new Error('the disk was never full')
}

function expectFull(error: unknown): void {
  expect(error).toMatchObject({ code: 'STORAGE_FULL', hint: expect.stringMatching(/free some/) })
}

async function expectRefusedEverywhere(scene: Scene, daemon: Daemon): Promise<void> {
  const cli = await prsm(['add', 'too-much.bin', '--json'], outside(scene, daemon))
  expect(cli.code, cli.stderr).toBe(6)
  expectFull(objects(cli.stderr).at(-1))

  const http = await fetch(`${daemon.url}/api/v1/ipfs/upload?filename=x`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: TOO_MUCH,
  })
  expect(http.headers.get('content-type')).toBe('application/problem+json')
  const problem = await http.json()
  expect(problem).toMatchObject({ status: 507, title: 'Insufficient Storage' })
  expect(http.status).toBe(507)
  expectFull(problem)

  await using client = createClient({ url: daemon.url })
  expectFull(await failureOf(client.upload(TOO_MUCH)))
}

/** All that was acknowledged is listed and reads back, and nothing else is listed. */
async function expectKept(scene: Scene, daemon: Daemon, kept: Kept): Promise<void> {
  await using client = createClient({ url: daemon.url })
  for (const [cid, bytes] of kept) {
    expect(sameBytes(await client.download(cid).bytes(), bytes), cid).toBe(true)
  }
  const listed = await prsm(['list', '--limit', '1000', '--json'], outside(scene, daemon))
  expect(listed.code, listed.stderr).toBe(0)
  const [page] = objects(listed.stdout) as { uploads: { cid: string }[] }[]
  expect(page?.uploads.map(({ cid }) => cid).sort()).toEqual([...kept.keys()].sort())
}

/** Nothing of a failed upload is in the folder of a stopped node: no temporary file, no file without a row. */
async function expectNothingLeft(scene: Scene, kept: Kept): Promise<void> {
  const { uploads, roots, named, files, strays } = await scene.inventory()
  expect(strays).toEqual([])
  expect(files).toEqual(named)
  expect([...uploads].sort()).toEqual([...kept.keys()].sort())
  expect([...roots].sort()).toEqual([...kept.keys()].sort())
}

async function expectCleanStop(daemon: Daemon): Promise<void> {
  const { code, signal, stderr } = await daemon.stop()
  expect({ code, signal }, stderr).toEqual({ code: 0, signal: null })
  expect(stderr).not.toMatch(/fault of ours|Unhandled|Uncaught|INTERNAL/)
}

test('a full disk is STORAGE_FULL at every door, and the node goes on', async () => {
  await using scene = await openScene()
  const { disk } = scene
  await writeFile(join(disk.view, 'ballast'), noise(12 * MIB))
  await using daemon = await scene.start()
  await using client = createClient({ url: daemon.url })
  const kept = await storeSome(client)

  await expectRefusedEverywhere(scene, daemon)
  await storeUntilFull(client, kept)
  disk.fill('rest')
  expectFull(await failureOf(client.upload('no room for a word')))
  await expectRefusedEverywhere(scene, daemon)
  await expectKept(scene, daemon, kept)

  disk.free('ballast')
  const later = noise(6 * MIB, 55)
  const { cid } = await client.upload(later, { filename: 'later' })
  kept.set(cid, later)
  const again = await prsm(['add', 'too-much.bin'], outside(scene, daemon))
  expect(again.code).toBe(6)
  await expectKept(scene, daemon, kept)
  await expectCleanStop(daemon)
  await expectNothingLeft(scene, kept)
})

test('a node stops on a full disk, and starts and reads on it, also after kill -9', async () => {
  await using scene = await openScene()
  const { disk } = scene
  const kept: Kept = new Map()
  {
    await using daemon = await scene.start()
    await using client = createClient({ url: daemon.url })
    for (const [cid, bytes] of await storeSome(client)) kept.set(cid, bytes)
    disk.fill('ballast')
    expectFull(await failureOf(client.upload('no room for a word')))
    await expectCleanStop(daemon)
  }
  disk.fill('ballast-2')
  {
    await using daemon = await scene.start()
    expect((await daemon.saw(/daemon\.json .*full.*/))[0]).toContain(`PRSM_API=${daemon.url}`)
    await expectRefusedEverywhere(scene, daemon)
    await expectKept(scene, daemon, kept)
    daemon.child.kill('SIGKILL')
    await daemon.ended
  }
  disk.fill('ballast-3')
  {
    await using daemon = await scene.start()
    await expectKept(scene, daemon, kept)
    disk.free('ballast')
    await using client = createClient({ url: daemon.url })
    const { cid } = await client.upload('room again', { filename: 'later' })
    kept.set(cid, Buffer.from('room again'))
    await expectCleanStop(daemon)
  }
  await expectNothingLeft(scene, kept)
})

test('kill -9 while uploads fail for want of room leaves no file without a row', async () => {
  await using scene = await openScene()
  const kept: Kept = new Map()
  {
    await using daemon = await scene.start()
    await using client = createClient({ url: daemon.url })
    for (const [cid, bytes] of await storeSome(client)) kept.set(cid, bytes)
    const upload = client.upload(TOO_MUCH).catch(() => {})
    await blocksReach(scene, 12)
    daemon.child.kill('SIGKILL')
    await Promise.all([upload, daemon.ended])
  }
  scene.disk.fill('ballast')
  {
    await using daemon = await scene.start()
    await expectKept(scene, daemon, kept)
    await expectCleanStop(daemon)
  }
  await expectNothingLeft(scene, kept)
})

test('a collection on a full disk loses nothing, and makes room', async () => {
  await using scene = await openScene()
  const kept: Kept = new Map()
  {
    await using daemon = await scene.start()
    await using client = createClient({ url: daemon.url })
    for (const [cid, bytes] of await storeSome(client)) kept.set(cid, bytes)
    const dead = await client.upload(noise(6 * MIB, 71), { pin: false, filename: 'dead' })
    scene.disk.fill('ballast')
    expectFull(await failureOf(client.upload('no room for a word')))
    const collected = await client.collect().catch((error: unknown) => error)
    // What it needs to write may have no room at all; then that is said, and room for it is enough.
    if (collected instanceof Error) {
      expectFull(collected)
      scene.disk.free('ballast')
      await client.collect()
    }
    const gone = client.download(dead.cid, { offline: true }).bytes()
    expect(await failureOf(gone)).toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    const { cid } = await client.upload(noise(3 * MIB, 72), { filename: 'later' })
    kept.set(cid, noise(3 * MIB, 72))
    for (const [root, bytes] of kept) {
      expect(sameBytes(await client.download(root).bytes(), bytes), root).toBe(true)
    }
    await expectCleanStop(daemon)
  }
  const { roots, named, files, strays } = await scene.inventory()
  expect(strays).toEqual([])
  expect(files).toEqual(named)
  expect([...roots].sort()).toEqual([...kept.keys()].sort())
})

/** Waits until so many block files are there. */
async function blocksReach({ disk }: Scene, count: number): Promise<void> {
  const folder = join(disk.view, 'data/blocks')
  while ((await readdir(folder, { recursive: true })).length < count) {
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

test('a disk that filled up while no node ran is told of with words: exit 6', async () => {
  await using scene = await openScene()
  const { disk } = scene
  const first = await scene.start()
  await using client = createClient({ url: first.url })
  const kept = await storeSome(client)
  await expectCleanStop(first)
  disk.fill('ballast')
  const { code, stderr } = await startPrsm(['daemon'], scene, disk.entering).ended
  expect(code, stderr).toBe(6)
  expect(stderr).toContain('the disk is full')
  expect(stderr).toContain('free some space')
  disk.free('ballast')
  await using daemon = await scene.start()
  await expectKept(scene, daemon, kept)
  await expectCleanStop(daemon)
  await expectNothingLeft(scene, kept)
})

test('the network starts on a full disk, also without room for its key, and gives and gets content', async () => {
  await using scene = await openScene()
  const { disk } = scene
  await using place = await openPlace()
  await using other = await runDaemon(place)
  await using peer = createClient({ url: other.url })
  const theirs = noise(2 * MIB + 5, 77)
  const { cid } = await peer.upload(theirs)
  const [address = ''] = (await peer.id()).addresses
  let kept: Kept
  {
    await using daemon = await scene.start({ PRSM_NETWORK: 'off' })
    await using client = createClient({ url: daemon.url })
    kept = await storeSome(client)
    disk.fill('ballast')
    await expectCleanStop(daemon)
  }
  disk.fill('ballast-2')
  const ids: string[] = []
  for (let run = 0; run < 2; run += 1) {
    await using daemon = await scene.start()
    await daemon.saw(/no room for a key: this node has a peer ID for this run alone/)
    await expectKept(scene, daemon, kept)
    await using client = createClient({ url: daemon.url })
    ids.push((await client.id()).id)
    await client.connectPeer(address)
    expect(sameBytes(await client.download(cid).bytes(), theirs)).toBe(true)
    for (const [own, bytes] of kept) {
      expect(sameBytes(await peer.download(own).bytes(), bytes), own).toBe(true)
    }
    if (run === 1) ['ballast', 'ballast-2'].forEach(disk.free)
    await expectCleanStop(daemon)
  }
  for (let run = 0; run < 2; run += 1) {
    await using daemon = await scene.start()
    await using client = createClient({ url: daemon.url })
    ids.push((await client.id()).id)
    await expectCleanStop(daemon)
  }
  const [first, second, third, fourth] = ids
  expect(new Set([first, second, third]).size).toBe(3)
  expect(fourth).toBe(third)
  const { strays } = await scene.inventory()
  expect(strays).toEqual([])
})

test('a disk that fills up under a network that runs does not end it', async () => {
  await using scene = await openScene()
  await using place = await openPlace()
  await using other = await runDaemon(place)
  await using peer = createClient({ url: other.url })
  const [address = ''] = (await peer.id()).addresses
  await using daemon = await scene.start()
  await using client = createClient({ url: daemon.url })
  scene.disk.fill('ballast')
  const { id } = await client.connectPeer(address)
  for (const seed of [1, 2]) {
    const theirs = noise(MIB, seed)
    const { cid } = await peer.upload(theirs)
    expect(sameBytes(await client.download(cid).bytes(), theirs)).toBe(true)
    await client.disconnectPeer(id)
    await client.connectPeer(address)
  }
  await expectCleanStop(daemon)
})

test('the library throws STORAGE_FULL, and its node goes on', async () => {
  await using scene = await openScene()
  const { disk, dataDir, path, env } = scene
  const program = join(repository, 'tests/system/programs/store-until-full.ts')
  const command = disk.entering([process.execPath, program, dataDir])
  const told = JSON.parse(await must(command, { cwd: path, env }))
  expectFull(told.told)
  expect(told.stored).toBeGreaterThan(5)
  expect(told.listed).toBe(told.stored)
  const { uploads, named, files, strays } = await scene.inventory()
  expect(uploads).toHaveLength(told.stored)
  expect({ strays, files }).toEqual({ strays: [], files: named })
})
