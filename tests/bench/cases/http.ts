import { above, type Bench, idleBytes, record } from '../bench.ts'
import { type Daemon, startDaemon } from '../daemon.ts'
import { megabytes } from '../figures.ts'
import { peakDuring } from '../memory.ts'
import { type Program, startProgram } from '../program.ts'
import type { HttpClientMethods } from '../programs/http-client.ts'

const RANGES_MS = 3000
const CONNECTIONS = 16

/** The daemon, and a client in another process: start, import, read, ranges. */
export async function http(bench: Bench): Promise<void> {
  await using folder = await bench.work.folder('http')
  await using client = await startProgram<HttpClientMethods>(
    new URL('../programs/http-client.ts', import.meta.url),
    bench.signal,
  )
  await using daemon = await startDaemon(folder.path, bench.signal)
  bench.figures.add('daemon.ready', bench.round, daemon.readyMs)
  const idle = await idleBytes(daemon.pid, bench.signal)
  if (idle !== undefined) bench.figures.add('daemon.idle', bench.round, megabytes(idle))
  const measured = { daemon, client, idle }
  const cid = await importFile(bench, measured)
  await readFile(bench, measured, cid)
  await readRanges(bench, measured, cid)
}

type Measured = {
  readonly daemon: Daemon
  readonly client: Program<HttpClientMethods>
  readonly idle: number | undefined
}

async function importFile(bench: Bench, { daemon, client, idle }: Measured): Promise<string> {
  const { path, bytes, sha256 } = bench.work.file
  const file = { url: daemon.url, path, bytes }
  await bench.work.settle()
  const { result, peakBytes } = await peakDuring(daemon.pid, () =>
    client.call('importFile', file, bench.timeoutMs),
  )
  bench.checkCid(result.cid)
  if (result.sha256 !== sha256) throw new Error('the daemon took other bytes')
  const memoryBytes = above(idle, peakBytes)
  record(bench, { mover: 'http', direction: 'import', bytes, ms: result.ms, memoryBytes })
  return result.cid
}

async function readFile(bench: Bench, { daemon, client, idle }: Measured, cid: string) {
  const { result, peakBytes } = await peakDuring(daemon.pid, () =>
    client.call('readFile', { url: daemon.url, cid }, bench.timeoutMs),
  )
  record(bench, {
    mover: 'http',
    direction: 'read',
    ...result,
    memoryBytes: above(idle, peakBytes),
  })
}

async function readRanges(bench: Bench, { daemon, client }: Measured, cid: string) {
  const { bytes } = bench.work.file
  const asked = { url: daemon.url, cid, bytes, connections: CONNECTIONS, forMs: RANGES_MS }
  const ranges = await client.call('ranges', asked, RANGES_MS + bench.timeoutMs)
  bench.figures.add('http.ranges', bench.round, (ranges.count * 1000) / ranges.ms)
  bench.figures.add('http.ranges-p99', bench.round, ranges.p99Ms)
}
