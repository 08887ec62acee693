import { createHash } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, type StorageClient } from '../../src/client/client.ts'
import type { FolderEntry } from '../../src/core/content.ts'
import { openPlace, type Place, prsm } from '../cli/prsm.ts'
import { noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { largeContent, largeSha256 } from '../support/large-content.ts'
import { type Daemon, runDaemon } from './support/daemon.ts'

/* Two daemons on one machine: what one has the other gets over TCP, through restarts and kills. */

const LARGE_MIB = 256
const FILES = 1000
/** Where the other daemon is killed: well inside the file. */
const KILL_AT_BYTES = 60 * 1024 ** 2
/** Seconds a block may go without progress where nobody comes back. */
const SHORT_TIMEOUT = '4'

let stack: AsyncDisposableStack
let first: Side
let second: Side

/** One daemon, its folder and a client of it; it can be ended and started anew. */
class Side {
  readonly place: Place
  #daemon: Daemon | undefined
  #client: StorageClient | undefined

  constructor(place: Place) {
    this.place = place
  }

  get client(): StorageClient {
    if (this.#client === undefined) throw new Error('this side does not run')
    return this.#client
  }

  async start(env: NodeJS.ProcessEnv = {}): Promise<void> {
    Object.assign(this.place.env, env)
    this.#daemon = await runDaemon(this.place)
    this.#client = createClient({ url: this.#daemon.url })
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#client?.close()
    this.#daemon?.child.kill(signal)
    await this.#daemon?.ended
  }

  async address(): Promise<string> {
    const [address] = (await this.client.id()).addresses
    if (address === undefined) throw new Error('it listens nowhere')
    return address
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  const swarm = async () => ({
    PRSM_SWARM_LISTEN: `/ip4/127.0.0.1/tcp/${await freePort()}`,
    PRSM_LOG: 'warn',
  })
  first = new Side(stack.use(await openPlace(await swarm())))
  second = new Side(stack.use(await openPlace(await swarm())))
  stack.defer(() => first.end())
  stack.defer(() => second.end())
  await first.start()
  await second.start({ PRSM_PEERS: await first.address() })
})

afterAll(() => stack.disposeAsync())

async function sha256Of(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of content) hash.update(chunk)
  return hash.digest('hex')
}

async function* folder(seed: number): AsyncGenerator<FolderEntry> {
  for (let at = 0; at < FILES; at += 1) {
    const bytes = noise(1000 + at, seed + at)
    yield { kind: 'file', path: `f${at}`, size: bytes.length, content: Readable.from([bytes]) }
  }
}

test('a file of 256 MiB', async () => {
  const { cid } = await first.client.upload(largeContent(LARGE_MIB))
  expect(await sha256Of(second.client.download(cid))).toBe(largeSha256(LARGE_MIB))
  expect(await sha256Of(second.client.download(cid, { offline: true }))).toBe(
    largeSha256(LARGE_MIB),
  )
})

test('a folder of 1,000 files', async () => {
  const { cid } = await first.client.upload({ entries: folder(1) })
  const { code, stderr } = await prsm(['get', cid, '-o', 'folder'], second.place)
  expect(code, stderr).toBe(0)
  expect((await second.client.upload({ path: `${second.place.path}/folder` })).cid).toBe(cid)
})

test('both ways', async () => {
  const bytes = noise(3_000_000, 7)
  const { cid } = await second.client.upload(bytes, { filename: 'back' })
  expect(sameBytes(await first.client.download(cid).bytes(), bytes)).toBe(true)
})

test('again after the other restarts, and after this one does', async () => {
  const { id } = await first.client.id()
  await first.end()
  await first.start()
  expect((await first.client.id()).id).toBe(id)
  const one = await first.client.upload(noise(5_000_000, 21), { filename: 'one' })
  expect(await second.client.download(one.cid).bytes()).toHaveLength(5_000_000)
  const many = await first.client.upload({ entries: folder(9000) })
  await second.end()
  await second.start()
  const saved = await second.client.downloadTo(many.cid, `${second.place.path}/again`)
  expect(saved.files).toBe(FILES)
  const two = await first.client.upload(noise(5_000_000, 22), { filename: 'two' })
  expect(await second.client.download(two.cid).bytes()).toHaveLength(5_000_000)
})

/** Reads on, and calls `at` once so many bytes have come. */
async function* interrupted(
  content: AsyncIterable<Uint8Array>,
  at: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of content) {
    yield chunk
    bytes += chunk.byteLength
    if (bytes >= KILL_AT_BYTES && bytes - chunk.byteLength < KILL_AT_BYTES) await at()
  }
}

/** Like `largeContent`, of another content. */
async function* otherContent(last: string): AsyncGenerator<Uint8Array> {
  yield* largeContent(LARGE_MIB)
  yield Buffer.from(last)
}

test('the other is killed in the middle and comes back: the download goes on', async () => {
  // Another start of the file makes every block of it new to the second daemon.
  const content = async function* () {
    yield Buffer.from('x')
    yield* otherContent('killed')
  }
  const { cid, sha256 } = await first.client.upload(content())
  const kill = async () => {
    await first.end('SIGKILL')
    await first.start()
  }
  expect(await sha256Of(interrupted(second.client.download(cid), kill))).toBe(sha256)
})

test('the other is killed in the middle and stays away: a clear error, and the daemon goes on', async () => {
  const content = async function* () {
    yield Buffer.from('y')
    yield* otherContent('gone')
  }
  const { cid } = await first.client.upload(content())
  const known = await second.client.upload(noise(1000, 99), { filename: 'known' })
  await second.end()
  await second.start({ PRSM_IPFS_TIMEOUT: SHORT_TIMEOUT })
  const reading = sha256Of(interrupted(second.client.download(cid), () => first.end('SIGKILL')))
  // The answer that had begun was cut short; the client asked for the rest.
  expect(await codeOf(reading)).toBe('CONTENT_NOT_FOUND')
  expect(await second.client.download(known.cid).bytes()).toHaveLength(1000)
  const missing = await failureOf(second.client.download(cid).bytes())
  expect(missing).toMatchObject({ code: 'CONTENT_NOT_FOUND', hint: expect.any(String) })
})
