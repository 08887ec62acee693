import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { DagWalk } from '../../../src/blocks/dag-walk.ts'
import { inventory } from '../../support/inventory.ts'
import type { Expected } from './records.ts'

type Database = Disposable & {
  readonly connection: Sqlite.Database
  all<Row>(sql: string): Row[]
  /** The one value of a query. */
  one(sql: string): number
}

function look(path: string): Database {
  const connection = new Sqlite(path, { readonly: true, fileMustExist: true })
  const all = <Row>(sql: string) => connection.prepare<[], Row>(sql).all()
  return {
    connection,
    all,
    one: (sql) => Number(connection.prepare(sql).pluck().get()),
    [Symbol.dispose]: () => connection.close(),
  }
}

/** CIDs of all roots. */
export function rootsOf(dataDir: string): readonly string[] {
  using book = look(join(dataDir, 'prsm.db'))
  return book.all<{ cid: string }>('SELECT DISTINCT cid FROM root').map(({ cid }) => cid)
}

/** What a data folder that nobody has open says of itself is what is there. Throws with what is not. */
export async function checkAccounts(dataDir: string, expected: Expected): Promise<void> {
  using index = look(join(dataDir, 'blocks.db'))
  using book = look(join(dataDir, 'prsm.db'))
  for (const { connection } of [index, book]) checkPages(connection)
  checkTotals(index)
  await checkFiles(dataDir, index)
  await checkRoots(dataDir, index.connection)
  checkReasons(book, expected)
}

function checkPages(connection: Sqlite.Database): void {
  const said = connection.pragma('integrity_check', { simple: true })
  if (said !== 'ok') throw new Error(`${connection.name}: ${said}`)
  const [lost] = connection.pragma('foreign_key_check') as readonly unknown[]
  if (lost !== undefined) throw new Error(`${connection.name}: lost ${JSON.stringify(lost)}`)
}

function checkTotals(index: Database): void {
  const meta = (key: string) => index.one(`SELECT value FROM meta WHERE key = '${key}'`)
  same('blocks', meta('blocks'), index.one('SELECT count(*) FROM block WHERE place <> 0'))
  same('bytes', meta('bytes'), index.one('SELECT coalesce(sum(size), 0) FROM block'))
  const inDiskBlocks = 'coalesce(sum((size + 4095) / 4096 * 4096), 0)'
  same(
    'bytes of files on the disk',
    meta('file_bytes'),
    index.one(`SELECT ${inDiskBlocks} FROM block WHERE place = 2`),
  )
  const inline = 'FROM block LEFT JOIN inline USING (id) WHERE place = 1'
  same(
    'inline blocks',
    index.one(`SELECT count(*) ${inline} AND length(bytes) = size`),
    index.one(`SELECT count(*) ${inline}`),
  )
  same(
    'inline rows',
    index.one('SELECT count(*) FROM inline'),
    index.one(`SELECT count(*) ${inline}`),
  )
}

function same(what: string, said: number, found: number): void {
  if (said !== found) throw new Error(`${what}: ${said} by the accounts, ${found} are there`)
}

type FileRow = { readonly multihash: Uint8Array; readonly size: number; readonly path: string }

/** Files and rows name each other, and each file is what its name says: the next upload relies on it. */
async function checkFiles(dataDir: string, index: Database): Promise<void> {
  const { files, named, strays } = await inventory(dataDir)
  const unnamed = files.filter((file) => !named.includes(file))
  if (unnamed.length > 0) throw new Error(`files without a row: ${unnamed.join(', ')}`)
  const absent = named.filter((file) => !files.includes(file))
  if (absent.length > 0) throw new Error(`rows without a file: ${absent.join(', ')}`)
  if (strays.length > 0) throw new Error(`strays: ${strays.join(', ')}`)
  const rows = index.all<FileRow>('SELECT multihash, size FROM block WHERE place = 2')
  const sizes = new Map(rows.map(({ multihash, size }) => [hexOf(multihash), size]))
  for (const file of files) {
    const bytes = await readFile(join(dataDir, 'blocks', file))
    const hash = createHash('sha256').update(bytes).digest()
    const size = sizes.get(hexOf(Digest.create(0x12, hash).bytes))
    if (size !== bytes.byteLength) throw new Error(`${file} is damaged (${bytes.byteLength} bytes)`)
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

async function checkRoots(dataDir: string, db: Sqlite.Database): Promise<void> {
  const relink = async (cid: CID) => {
    throw new Error(`the links of ${cid} are not in the index`)
  }
  for (const cid of rootsOf(dataDir)) {
    const missing = await new DagWalk(CID.parse(cid), { db, relink }).missing(1)
    if (missing.length > 0) throw new Error(`root ${cid} dangles: ${missing.join(', ')} is missing`)
  }
}

/** What is kept for certain has a root. */
function checkReasons(book: Database, { kept }: Expected): void {
  const rows = book.all<{ cid: string }>('SELECT cid FROM root')
  const roots = new Set(rows.map(({ cid }) => cid))
  for (const cid of kept) if (!roots.has(cid)) throw new Error(`the root of ${cid} is lost`)
}
