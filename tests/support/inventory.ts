import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import Sqlite from 'better-sqlite3'
import { base32upper } from 'multiformats/bases/base32'

/** What a data folder holds, by its databases and by its files. */
export type Inventory = {
  /** CIDs. */
  readonly roots: readonly string[]
  readonly uploads: readonly string[]
  /** Block files that rows of the index name, and those that are there: `0000000/….data`. */
  readonly named: readonly string[]
  readonly files: readonly string[]
  /** Everything else that does not belong into a folder nobody has open. */
  readonly strays: readonly string[]
}

const BELONGS = /^(format\.json|lock\.db|(blocks|prsm)\.db(-wal|-shm)?)$/
/** The key of the network node, which only its owner may read. */
const KEY = 'network/identity.key'
/** What is known of peers: the files of a LevelDB that is closed or was killed. */
const PEERS = /^network\/peers\/(CURRENT|LOCK|LOG(\.old)?|MANIFEST-\d{6}|\d{6}\.(log|ldb))$/

type BlockRow = { readonly multihash: Uint8Array; readonly directory: number }

/** Looks into a data folder that no node has open. */
export async function inventory(dataDir: string): Promise<Inventory> {
  const all = await readdir(dataDir, { recursive: true, withFileTypes: true })
  const paths = all
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => relative(dataDir, join(parentPath, name)))
  const isBlock = (path: string) => path.startsWith('blocks/')
  const keyBelongs = paths.includes(KEY) && (await isPrivate(join(dataDir, KEY)))
  const belongs = (path: string) =>
    path === KEY ? keyBelongs : BELONGS.test(path) || PEERS.test(path)
  using book = opened(join(dataDir, 'prsm.db'))
  using index = opened(join(dataDir, 'blocks.db'))
  const rows = index.all<BlockRow>('SELECT multihash, directory FROM block WHERE place = 2')
  return {
    roots: book.all<{ cid: string }>('SELECT cid FROM root ORDER BY cid').map(({ cid }) => cid),
    uploads: book.all<{ cid: string }>('SELECT cid FROM upload ORDER BY id').map(({ cid }) => cid),
    named: rows.map(fileOf).sort(),
    files: paths
      .filter(isBlock)
      .map((path) => relative('blocks', path))
      .sort(),
    strays: paths.filter((path) => !isBlock(path) && !belongs(path)),
  }
}

async function isPrivate(path: string): Promise<boolean> {
  return ((await stat(path)).mode & 0o777) === 0o600
}

function fileOf({ multihash, directory }: BlockRow): string {
  return `${String(directory).padStart(7, '0')}/${base32upper.encode(multihash)}.data`
}

function opened(path: string) {
  const database = new Sqlite(path, { readonly: true, fileMustExist: true })
  return {
    all: <Row>(sql: string): Row[] => database.prepare<[], Row>(sql).all(),
    [Symbol.dispose]: () => database.close(),
  }
}
