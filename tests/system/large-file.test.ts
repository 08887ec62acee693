import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readlink, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { importFile } from '../../src/unixfs/import.ts'
import { memoryOf, peakDuring } from '../bench/memory.ts'
import { objects, openPlace, type Place, prsm } from '../cli/prsm.ts'
import { MIB, noise } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'
import { inventory } from '../support/inventory.ts'
import { largeContent, largeSha256 } from '../support/large-content.ts'
import { type Daemon, runDaemon, startPrsm } from './support/daemon.ts'
import { peakUntil } from './support/peak-memory.ts'
import { readSlowly } from './support/slow-reader.ts'

const MB = 1_000_000
const LARGE_MIB = 4096
const INTERRUPTED_MIB = 1024
/** Where the daemon is killed: nothing of a fast disk may make the upload end before. */
const KILL_AT_BYTES = 300 * MB
const MANY_UPLOADS = 50
const MANY_BYTES = 32 * MIB
const FREE_BYTES = 10_000 * MB

/** The product's promise, kept to its end: what a daemon takes when it is idle, and above that. */
const IDLE_BYTES = 180 * MB
const ABOVE_IDLE_BYTES = 150 * MB
const CLIENT_BYTES = 250 * MB

async function openLargePlace(): Promise<Place> {
  const { bavail, bsize } = await statfs(tmpdir())
  if (bavail * bsize < FREE_BYTES) {
    throw new Error(`${tmpdir()} needs ${FREE_BYTES / MB} MB of free disk for this test`)
  }
  return await openPlace({ PRSM_MAX_FILE_SIZE: '0', PRSM_LOG: 'warn' })
}

async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: MIB })) hash.update(piece)
  return hash.digest('hex')
}

/** What the daemon has when it has nothing to do. */
async function idleBytes({ pid }: Daemon): Promise<number> {
  await delay(1000)
  return (await memoryOf(pid))?.resident ?? 0
}

/** Runs `work` and gives how far above its idle memory the daemon came meanwhile. */
async function growthDuring<T>({ daemon, idle }: Watched, work: () => Promise<T>) {
  const { result, peakBytes } = await peakDuring(daemon.pid, work)
  if (peakBytes === undefined) throw new Error('the peak of a process cannot be asked for here')
  return { result, growth: peakBytes - idle }
}

type Watched = { readonly daemon: Daemon; readonly idle: number }

/** Runs a command of `prsm` to its end; it must go well, and neither it nor the daemon may grow. */
async function prsmWithin(
  args: readonly string[],
  place: Place,
  watched: Watched,
): Promise<string> {
  const { result, growth } = await growthDuring(watched, async () => {
    const running = startPrsm(args, place)
    running.child.stdin.end()
    const peak = await peakUntil(running.pid, running.ended)
    return { peak, ...(await running.ended) }
  })
  expect(result.code, result.stderr).toBe(0)
  report(args[0] ?? '', { 'daemon above idle': growth, command: result.peak })
  expect(growth).toBeLessThan(ABOVE_IDLE_BYTES)
  expect(result.peak).toBeGreaterThan(20 * MB)
  expect(result.peak).toBeLessThan(CLIENT_BYTES)
  return result.stdout.trim()
}

function report(what: string, bytes: Readonly<Record<string, number>>): void {
  const facts = Object.entries(bytes).map(
    ([name, value]) => `${name} ${(value / MB).toFixed(0)} MB`,
  )
  process.stdout.write(`${what}: ${facts.join(', ')}\n`)
}

/** Descriptors of block files the daemon has open. */
async function openBlocks({ pid }: Daemon): Promise<number> {
  const folder = `/proc/${pid}/fd`
  const open = await readdir(folder)
  const paths = await Promise.all(open.map((name) => readlink(join(folder, name)).catch(() => '')))
  return paths.filter((path) => path.includes('/blocks/')).length
}

test('4 GiB go in and out whole, and memory stays flat, also with a slow consumer', async () => {
  await using place = await openLargePlace()
  const source = join(place.path, 'model.bin')
  const copy = join(place.path, 'copy.bin')
  await writeFile(source, largeContent(LARGE_MIB))
  await using daemon = await runDaemon(place)
  const idle = await idleBytes(daemon)
  report('idle', { daemon: idle })
  expect(idle).toBeGreaterThan(20 * MB)
  expect(idle).toBeLessThan(IDLE_BYTES)

  const cid = await prsmWithin(['add', source], place, { daemon, idle })
  await rm(source)

  const slow = await growthDuring({ daemon, idle }, () => {
    const path = `/api/v1/ipfs/${cid}`
    return readSlowly(daemon.url, { path, bytesPerSecond: MB, ms: 8000 })
  })
  report('slow consumer', { read: slow.result, 'daemon above idle': slow.growth })
  expect(slow.result).toBeGreaterThan(6 * MB)
  expect(slow.result).toBeLessThan(12 * MB)
  expect(slow.growth).toBeLessThan(ABOVE_IDLE_BYTES)

  await prsmWithin(['get', cid, '-o', copy], place, { daemon, idle })
  expect(await fileSha256(copy)).toBe(largeSha256(LARGE_MIB))
  expect(await openBlocks(daemon)).toBe(0)
})

test('many uploads one after another, whole and cut off, take no more memory than one', async () => {
  await using place = await openLargePlace()
  await using daemon = await runDaemon(place)
  await using client = createClient({ url: daemon.url })
  const idle = await idleBytes(daemon)
  const { growth } = await growthDuring({ daemon, idle }, async () => {
    for (let seed = 1; seed <= MANY_UPLOADS; seed += 1) {
      await client.upload(noise(MANY_BYTES, seed), { filename: `upload-${seed}` })
      expect(await codeOf(client.upload(cutOff(seed)))).toBe('UPLOAD_INCOMPLETE')
    }
  })
  report('many uploads', { 'daemon above idle': growth })
  expect(growth).toBeLessThan(ABOVE_IDLE_BYTES)
})

/** Content whose source fails in the middle of a chunk. */
async function* cutOff(seed: number): AsyncGenerator<Uint8Array> {
  yield noise(5 * MIB + 1000, -seed)
  throw new Error('the source failed')
}

test('kill -9 in the middle of an upload of 1 GiB: the store opens, nothing is lost, it succeeds again', async () => {
  await using place = await openLargePlace()
  const source = join(place.path, 'model.bin')
  await writeFile(source, largeContent(INTERRUPTED_MIB))
  const kept = await keepSome(place)

  const before = await killInTheMiddle(place, source)

  await using daemon = await runDaemon(place)
  expect(await listed(place)).toEqual(before)
  await using client = createClient({ url: daemon.url })
  const hash = createHash('sha256')
  for await (const piece of client.download(kept.cid)) hash.update(piece)
  expect(hash.digest('hex')).toBe(kept.sha256)

  const again = await prsm(['add', source], place)
  expect(again.code, again.stderr).toBe(0)
  const { cid } = await importFile({ put: async () => {} }, largeContent(INTERRUPTED_MIB))
  expect(again.stdout.trim()).toBe(cid.toString())
  expect((await daemon.stop()).code).toBe(0)
  const { named, files, strays, uploads } = await inventory(place.dataDir)
  expect(uploads).toEqual([kept.cid, cid.toString()])
  expect({ files, strays }).toEqual({ files: named, strays: [] })
})

type Kept = { readonly cid: string; readonly sha256: string }

/** Stores a file that is acknowledged before anything happens. */
async function keepSome(place: Place): Promise<Kept> {
  await using daemon = await runDaemon(place)
  await using client = createClient({ url: daemon.url })
  return await client.upload(largeContent(100), { filename: 'kept' })
}

async function listed(place: Place): Promise<unknown> {
  const { code, stdout, stderr } = await prsm(['list', '--json'], place)
  expect(code, stderr).toBe(0)
  return objects(stdout)
}

/** Kills the daemon while a file is on its way to it. Returns what was listed then. */
async function killInTheMiddle(place: Place, source: string): Promise<unknown> {
  const daemon = await runDaemon(place)
  const before = await listed(place)
  const upload = startPrsm(['add', source, '--json'], place)
  let bytesDone = 0
  while (bytesDone < KILL_AT_BYTES) {
    const [, told] = await upload.saw(/"bytesDone":(\d+)[^\n]*\n(?!.*"bytesDone")/s)
    bytesDone = Number(told)
    await delay(10)
  }
  daemon.child.kill('SIGKILL')
  const { code, stdout, stderr } = await upload.ended
  expect([3, 12]).toContain(code)
  const last = objects(stderr).at(-1)
  expect(last).toMatchObject({
    message: expect.stringMatching(/\w+ \w+/),
    hint: expect.any(String),
  })
  expect(stdout).not.toContain('"cid"')
  await daemon.ended
  return before
}
