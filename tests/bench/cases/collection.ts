import { join } from 'node:path'
import { above, type Bench, type Case, idleBytes } from '../bench.ts'
import { megabytes } from '../figures.ts'
import { type KuboRepo, openKubo, withoutStart } from '../kubo-repo.ts'
import { peakDuring } from '../memory.ts'
import type { Bystanders } from '../programs/bystanders.ts'
import { roomIn, writeRandomFile } from '../workspace.ts'
import { startLibrary } from './library.ts'
import { longTimeout, startStore } from './store.ts'

const LEAF_BYTES = 256
/** What a block of ours takes with its rows, and its share of the two files. */
const OUR_BLOCK_BYTES = 1500
/** One of Kubo's is a file: a block of the disk, an inode, its name. */
const KUBO_BLOCK_BYTES = 4096 + 512
const QUIET_MS = 10_000

/** A file that is kept and one that is not, each of as many small leaves as a large store has. */
type Content = { readonly live: string; readonly dead: string; readonly bytes: number }
type Cids = { readonly live: string; readonly dead: string }

/** Takes away half of a large store, ours while it is read and written; Kubo's does nothing else. */
export function collection(ipfs: string | undefined): Case {
  return async (bench) => {
    if (!(await hasRoom(bench, ipfs))) return
    await using folder = await bench.work.folder('collection-of')
    const content = await writeContent(bench, folder.path)
    const { cids, deadBlocks } = await collectOurs(bench, content)
    if (ipfs !== undefined) await collectKubos(bench, ipfs, { content, cids, deadBlocks })
  }
}

async function hasRoom({ blocks, work, note }: Bench, ipfs: string | undefined): Promise<boolean> {
  const each = OUR_BLOCK_BYTES + (ipfs === undefined ? 0 : KUBO_BLOCK_BYTES)
  const wanted = { bytes: 2 * blocks * each, files: ipfs === undefined ? 0 : 2 * blocks }
  const { bytes, files } = await roomIn(work.path)
  if (bytes >= wanted.bytes && files >= wanted.files) return true
  note(
    `collection: the disk has room for ${bytes} bytes in ${files} files, and ${wanted.bytes} in ` +
      `${wanted.files} are needed: choose another with --dir, or fewer blocks with --blocks`,
  )
  return false
}

async function writeContent({ blocks, signal }: Bench, folder: string): Promise<Content> {
  const bytes = blocks * LEAF_BYTES
  const [live, dead] = [join(folder, 'live'), join(folder, 'dead')]
  for (const path of [live, dead]) await writeRandomFile({ path, bytes, signal })
  return { live, dead, bytes }
}

async function collectOurs(
  bench: Bench,
  content: Content,
): Promise<{ readonly cids: Cids; readonly deadBlocks: number }> {
  const { work, timeoutMs, signal } = bench
  await using folder = await work.folder('collection')
  const cids = await fill(bench, folder.path, content)
  await work.settle()
  // What readers keep in memory is theirs: here the memory of the collection is measured.
  await using program = await startLibrary(folder.path, bench, { cacheBytes: 0 })
  const { pid } = program
  const idle = await idleBytes(pid, signal)
  const watched = { cid: cids.live, bytes: content.bytes }
  const quiet = await peakDuring(pid, () =>
    program.call('watchQuiet', { ...watched, forMs: QUIET_MS }, timeoutMs),
  )
  addWatched(bench, 'quiet', { ...quiet.result, memory: above(idle, quiet.peakBytes) })
  const { result, peakBytes } = await peakDuring(pid, () =>
    program.call('collectWatched', watched, longTimeout(bench)),
  )
  addWatched(bench, 'collection', { ...result, memory: above(idle, peakBytes) })
  const { figures, round } = bench
  const more = result.uploads.longestMs - quiet.result.uploads.longestMs
  figures.add('collection.upload-for-it', round, Math.max(0, more))
  figures.add('collection.loop-p99', round, result.delay.p99Ms)
  figures.add('collection.loop-longest', round, result.delay.longestMs)
  const { ms, blocks } = result
  // The leaves, and the nodes above them.
  if (blocks < bench.blocks) throw new Error(`${blocks} blocks were collected of ${bench.blocks}`)
  figures.add('collection.library', round, (blocks * 1000) / ms)
  figures.add('collection.seconds', round, ms / 1000)
  return { cids, deadBlocks: blocks }
}

async function fill(bench: Bench, dataDir: string, { live, dead }: Content): Promise<Cids> {
  await using program = await startStore(dataDir, bench)
  const add = async (path: string): Promise<string> =>
    (await program.call('importLeaves', { path, leafBytes: LEAF_BYTES }, longTimeout(bench))).cid
  const cids = { live: await add(live), dead: await add(dead) }
  await program.call('keep', { cid: cids.live }, bench.timeoutMs)
  await program.call('close', {}, bench.timeoutMs)
  return cids
}

function addWatched(
  { figures, round }: Bench,
  when: 'quiet' | 'collection',
  { reads, uploads, memory }: Bystanders & { readonly memory: number | undefined },
): void {
  figures.add(`${when}.read-longest`, round, reads.longestMs)
  figures.add(`${when}.read-p99`, round, reads.p99Ms)
  figures.add(`${when}.upload-longest`, round, uploads.longestMs)
  figures.add(`${when}.upload-p99`, round, uploads.p99Ms)
  if (memory !== undefined) figures.add(`${when}.peak`, round, megabytes(memory))
}

type KuboCollection = {
  readonly content: Content
  readonly cids: Cids
  readonly deadBlocks: number
}

async function collectKubos(
  bench: Bench,
  ipfs: string,
  { content, cids, deadBlocks }: KuboCollection,
): Promise<void> {
  const { figures, round } = bench
  const long = { timeoutMs: longTimeout(bench) }
  await using repo = await openKubo(ipfs, 'kubo', bench)
  const chunker = `--chunker=size-${LEAF_BYTES}`
  const live = await repo.add([chunker, content.live], long)
  const dead = await repo.add([chunker, '--pin=false', content.dead], long)
  if (live.cid !== cids.live || dead.cid !== cids.dead) {
    throw new Error(`the files are ${live.cid} and ${dead.cid}, not ${cids.live} and ${cids.dead}`)
  }
  await bench.work.settle()
  const collected = await repo.run(['repo', 'gc', '--quiet'], { ...long, discard: true })
  const ms = withoutStart(collected.ms, repo.startMs)
  await checkCollected(repo, cids)
  figures.add('collection.kubo', round, (deadBlocks * 1000) / ms)
  figures.add('collection.kubo-seconds', round, ms / 1000)
  const { peakBytes } = collected
  if (peakBytes !== undefined) figures.add('collection.kubo-peak', round, megabytes(peakBytes))
}

async function checkCollected(repo: KuboRepo, { live, dead }: Cids): Promise<void> {
  await repo.run(['block', 'stat', live])
  const gone = await repo.run(['block', 'stat', dead]).then(
    () => false,
    () => true,
  )
  if (!gone) throw new Error(`Kubo did not collect ${dead}`)
}
