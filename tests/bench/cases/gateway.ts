import { randomFillSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rawCid } from '../../support/block-store.ts'
import { above, type Bench, type Case, idleBytes } from '../bench.ts'
import { megabytes, rate } from '../figures.ts'
import { peakDuring } from '../memory.ts'
import { type Program, startProgram } from '../program.ts'
import type { GatewayClientMethods } from '../programs/gateway-client.ts'
import type { Load, Loaded } from '../programs/load.ts'
import type { RandomFile } from '../workspace.ts'
import { kubos, ours, type Served } from './served.ts'

const LOAD = { connections: 16, forMs: 3000 }
/** Before it is measured: code is compiled, files are opened. */
const WARM_UP = { connections: 16, forMs: 2000 }
const BLOCKS = 4000
const BLOCK_BYTES = 1024

type Client = Program<GatewayClientMethods>

/** A gateway that has the content, and whose figures these are. */
type Asked = {
  readonly bench: Bench
  readonly client: Client
  readonly served: Served
  readonly figure: 'gateway' | 'kubo-gateway'
  readonly cid: string
  readonly blocks: readonly string[]
  readonly idle: number | undefined
}

/** Our gateway and Kubo's, both running, asked by turns for the same content by the same client. */
export function gateway(ipfs: string | undefined): Case {
  return async (bench) => {
    await using stack = new AsyncDisposableStack()
    const client = stack.use(await startClient(bench))
    const folder = stack.use(await bench.work.folder('blocks'))
    const content = { client, folder: folder.path, blocks: await writeBlocks(folder.path) }
    const asked: Asked[] = []
    const served = stack.use(await ours(bench))
    asked.push(await prepare(bench, { ...content, served, figure: 'gateway' }))
    if (ipfs !== undefined) {
      const kubo = stack.use(await kubos(ipfs)(bench))
      asked.push(await prepare(bench, { ...content, served: kubo, figure: 'kubo-gateway' }))
    }
    // Who is asked first may find colder caches: by turns.
    if (bench.round % 2 === 1) asked.reverse()
    await withPeaks(asked, async () => {
      for (const measure of [ranges, rawBlocks, file, car]) {
        for (const one of asked) await measure(one)
      }
    })
  }
}

/** A client of gateways in a process of its own. */
export function startClient({ signal }: Bench): Promise<Client> {
  const url = new URL('../programs/gateway-client.ts', import.meta.url)
  return startProgram<GatewayClientMethods>(url, signal)
}

/** Files of one block each, and the CIDs these have. */
async function writeBlocks(folder: string): Promise<readonly string[]> {
  const cids: string[] = []
  for (let i = 0; i < BLOCKS; i += 1) {
    const block = randomFillSync(new Uint8Array(BLOCK_BYTES))
    await writeFile(join(folder, String(i)), block)
    cids.push(rawCid(block).toString())
  }
  return cids
}

type Preparation = Omit<Asked, 'bench' | 'cid' | 'idle'> & { readonly folder: string }

/** Stores the file and the blocks, and sees that the file is served as it is. */
async function prepare(bench: Bench, { folder, ...rest }: Preparation): Promise<Asked> {
  const { served, client } = rest
  const idle = await idleBytes(served.pid, bench.signal)
  const cid = await served.add(bench.work.file.path)
  bench.checkCid(cid)
  await served.add(folder)
  await bench.work.settle()
  const got = await client.call('file', { url: served.url, cid, hashed: true }, bench.timeoutMs)
  checkFile(got, bench.work.file)
  return { bench, cid, idle, ...rest }
}

/** Throws unless what came is the file. */
export function checkFile(
  { sha256 }: { readonly sha256: string },
  wanted: Pick<RandomFile, 'sha256'>,
): void {
  if (sha256 !== wanted.sha256) throw new Error(`a gateway gave other bytes: sha256 ${sha256}`)
}

async function ranges(asked: Asked): Promise<void> {
  const { client, served, cid, bench } = asked
  const file = { url: served.url, cid, bytes: bench.work.file.bytes }
  await loaded(asked, 'ranges', (load) => client.call('ranges', { ...file, ...load }, limit(asked)))
}

async function rawBlocks(asked: Asked): Promise<void> {
  const { client, served, blocks } = asked
  const content = { url: served.url, cids: blocks, bytes: BLOCK_BYTES }
  await loaded(asked, 'blocks', (load) =>
    client.call('blocks', { ...content, ...load }, limit(asked)),
  )
}

async function loaded(
  { bench, figure }: Asked,
  what: 'ranges' | 'blocks',
  run: (load: Load) => Promise<Loaded>,
): Promise<void> {
  await run(WARM_UP)
  const { count, ms, p99Ms } = await run(LOAD)
  bench.figures.add(`${figure}.${what}`, bench.round, (count * 1000) / ms)
  bench.figures.add(`${figure}.${what}-p99`, bench.round, p99Ms)
}

async function file({ bench, client, served, figure, cid }: Asked): Promise<void> {
  const content = { url: served.url, cid, hashed: false }
  const { bytes, ms } = await client.call('file', content, bench.timeoutMs)
  if (bytes !== bench.work.file.bytes) throw new Error(`${figure}: a file of ${bytes} bytes`)
  bench.figures.add(`${figure}.file`, bench.round, rate(bytes, ms))
}

async function car({ bench, client, served, figure, cid }: Asked): Promise<void> {
  const { bytes, ms } = await client.call('car', { url: served.url, cid }, bench.timeoutMs)
  // All of the file, and frames and nodes around it.
  if (bytes <= bench.work.file.bytes) throw new Error(`${figure}: a CAR of ${bytes} bytes`)
  bench.figures.add(`${figure}.car`, bench.round, rate(bytes, ms))
}

/** Files how much memory each had meanwhile above idle. */
async function withPeaks(asked: readonly Asked[], work: () => Promise<void>): Promise<void> {
  const [one, ...others] = asked
  if (one === undefined) return await work()
  const { peakBytes } = await peakDuring(one.served.pid, () => withPeaks(others, work))
  const memory = above(one.idle, peakBytes)
  const { bench, figure } = one
  if (memory !== undefined) bench.figures.add(`${figure}.peak`, bench.round, megabytes(memory))
}

function limit({ bench }: Asked): number {
  return LOAD.forMs + bench.timeoutMs
}
