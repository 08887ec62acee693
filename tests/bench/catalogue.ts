/** MB is 10^6 bytes here, in rates and in memory. */
export type Unit = 'MB/s' | 'MB' | 'ms' | 's' | '/s'

type Row = readonly [what: string, unit: Unit]
type Rows = Readonly<Record<string, Row>>

const machine = {
  'limits.sha256': ['sha256 of memory, one core', 'MB/s'],
  'limits.dd': ['dd conv=fdatasync', 'MB/s'],
  'limits.files': ['files of 1 MiB, each fdatasync of each, 8 at once, no hash', 'MB/s'],
  'limits.read-sha256': ['read a file and sha256, one thread of Node', 'MB/s'],
  'limits.ranges': ['read and CRC-32 of five segments of 16 KiB, one thread', '/s'],
} as const satisfies Rows

const library = {
  'library.import': ['library: durable import', 'MB/s'],
  'library.import-peak': ['library: memory above idle during the import', 'MB'],
  'library.read': ['library: verified read (reuseBuffers)', 'MB/s'],
  'library.read-kept': ['library: verified read into new memory for each chunk', 'MB/s'],
  'library.read-peak': ['library: memory above idle during the read', 'MB'],
  'library.ranges': ['library: random 64 KiB ranges, 16 at once', '/s'],
  'library.ranges-p99': ['library: 99 of 100 ranges within', 'ms'],
} as const satisfies Rows

const daemon = {
  'daemon.ready': ['daemon, network on: from its start to ready', 'ms'],
  'daemon.idle': ['daemon, network on: memory when idle', 'MB'],
  'http.import': ['HTTP: durable import', 'MB/s'],
  'http.import-peak': ['HTTP: memory of the daemon above idle during the import', 'MB'],
  'http.read': ['HTTP: verified read', 'MB/s'],
  'http.read-peak': ['HTTP: memory of the daemon above idle during the read', 'MB'],
  'http.ranges': ['HTTP: random 64 KiB ranges, 16 connections', '/s'],
  'http.ranges-p99': ['HTTP: 99 of 100 ranges within', 'ms'],
} as const satisfies Rows

const kubo = {
  'kubo-sync.start': ['Kubo, sync: true: start of its command', 'ms'],
  'kubo-sync.import': ['Kubo, sync: true: ipfs add, less that start', 'MB/s'],
  'kubo-sync.import-peak': ['Kubo, sync: true: memory during ipfs add', 'MB'],
  'kubo-sync.read': ['Kubo, sync: true: ipfs cat with its start, hashes unchecked', 'MB/s'],
  'kubo-sync.read-peak': ['Kubo, sync: true: memory during ipfs cat', 'MB'],
  'kubo.start': ['Kubo as it comes: start of its command', 'ms'],
  'kubo.import': ['Kubo as it comes, not durable: ipfs add, less that start', 'MB/s'],
  'kubo.import-peak': ['Kubo as it comes: memory during ipfs add', 'MB'],
  'kubo.read': ['Kubo as it comes: ipfs cat with its start, hashes unchecked', 'MB/s'],
  'kubo.read-peak': ['Kubo as it comes: memory during ipfs cat', 'MB'],
} as const satisfies Rows

const helia = {
  'helia.import': ['Helia 7, not durable: import', 'MB/s'],
  'helia.import-peak': ['Helia 7: memory above idle during the import', 'MB'],
  'helia.read': ['Helia 7: read', 'MB/s'],
  'helia.read-peak': ['Helia 7: memory above idle during the read', 'MB'],
} as const satisfies Rows

const gateway = {
  'gateway.ranges': ['gateway: random 64 KiB ranges, 16 connections', '/s'],
  'gateway.ranges-p99': ['gateway: 99 of 100 ranges within', 'ms'],
  'gateway.blocks': ['gateway: raw blocks of 1 KiB, 16 connections', '/s'],
  'gateway.blocks-p99': ['gateway: 99 of 100 blocks within', 'ms'],
  'gateway.file': ['gateway: verified file', 'MB/s'],
  'gateway.car': ['gateway: verified CAR', 'MB/s'],
  'gateway.peak': ['gateway: memory of the daemon above idle during all this', 'MB'],
  'kubo-gateway.ranges': ["Kubo's gateway: random 64 KiB ranges, 16 connections", '/s'],
  'kubo-gateway.ranges-p99': ["Kubo's gateway: 99 of 100 ranges within", 'ms'],
  'kubo-gateway.blocks': ["Kubo's gateway: raw blocks of 1 KiB, 16 connections", '/s'],
  'kubo-gateway.blocks-p99': ["Kubo's gateway: 99 of 100 blocks within", 'ms'],
  'kubo-gateway.file': ["Kubo's gateway: file, hashes unchecked", 'MB/s'],
  'kubo-gateway.car': ["Kubo's gateway: CAR", 'MB/s'],
  'kubo-gateway.peak': ["Kubo's gateway: memory of the daemon above idle during all this", 'MB'],
} as const satisfies Rows

const bitswap = {
  'bitswap.rate': ['Bitswap: a file of up to 256 MiB from one daemon through another', 'MB/s'],
  'bitswap.cpu': ['Bitswap: processor time of both daemons', 's'],
  'bitswap.peak': ['Bitswap: the most memory one of them had', 'MB'],
  'kubo-bitswap.rate': ['Bitswap, Kubo and Kubo: the same file', 'MB/s'],
  'kubo-bitswap.cpu': ['Bitswap, Kubo and Kubo: processor time of both', 's'],
  'kubo-bitswap.peak': ['Bitswap, Kubo and Kubo: the most memory one of them had', 'MB'],
} as const satisfies Rows

const small = {
  'small.100-kib': ['library: durable adds of 100 KiB, 10 at once', '/s'],
  'small.100-kib-peak': ['library: memory above idle during these', 'MB'],
  'small.1-kib': ['library: durable adds of 1 KiB, 10 at once', '/s'],
  'small.1-kib-peak': ['library: memory above idle during these', 'MB'],
  'small-folder.library-100-kib': ['library: files of a folder of 1,000 × 100 KiB, durable', '/s'],
  'small-folder.kubo-100-kib': ['Kubo as it comes: the same, ipfs add -r less its start', '/s'],
  'small-folder.kubo-sync-100-kib': ['Kubo, sync: true: the same', '/s'],
  'small-folder.library-1-kib': ['library: files of a folder of 10,000 × 1 KiB, durable', '/s'],
  'small-folder.kubo-1-kib': ['Kubo as it comes: the same, ipfs add -r less its start', '/s'],
  'small-folder.kubo-sync-1-kib': ['Kubo, sync: true: the same', '/s'],
} as const satisfies Rows

const leaves = {
  'leaves.library': ["our store with the importer: a file's leaves of 1 KiB, durable", '/s'],
  'leaves.kubo': ['Kubo as it comes: the same, ipfs add less its start', '/s'],
  'leaves.kubo-sync': ['Kubo, sync: true: the same', '/s'],
} as const satisfies Rows

const folder = {
  'folder.library': ['library: entries of a large folder added, durable', '/s'],
  'folder.ls': ['library: all of them listed in', 'ms'],
  'folder.kubo': ['Kubo as it comes: the same folder, ipfs add -r less its start', '/s'],
} as const satisfies Rows

const million = {
  'million.fill': ['blocks of 64 bytes put under a lease, durable', '/s'],
  'million.has': ['block store: has, half of the blocks asked for are there', '/s'],
  'million.list': ['block store: CIDs of all blocks listed', '/s'],
  'million.pins': ['library: pins() of a tenth of the blocks', '/s'],
  'million.open': ['library: createStorageNode on that store', 'ms'],
  'million.ready': ['daemon on that store: from its start to ready', 'ms'],
} as const satisfies Rows

const collection = {
  'collection.library': ['library: dead blocks taken', '/s'],
  'collection.kubo': ['Kubo as it comes: the same, ipfs repo gc less its start', '/s'],
  'collection.seconds': ['library: the collection took', 's'],
  'collection.kubo-seconds': ['Kubo as it comes: ipfs repo gc took', 's'],
  'collection.peak': ['library: memory above idle during the collection', 'MB'],
  'collection.kubo-peak': ["Kubo as it comes: memory of ipfs repo gc's process", 'MB'],
  'collection.read-longest': ['library: the longest wait of a 4 KiB read meanwhile', 'ms'],
  'collection.read-p99': ['library: 99 of 100 of these reads within', 'ms'],
  'collection.upload-longest': ['library: the longest wait of a 1 KiB upload meanwhile', 'ms'],
  'collection.upload-p99': ['library: 99 of 100 of these uploads within', 'ms'],
  'collection.upload-for-it': ['library: longer than the longest upload without it', 'ms'],
  'collection.loop-p99': ['library: delay of the event loop meanwhile, p99', 'ms'],
  'collection.loop-longest': ['library: the longest delay of the event loop', 'ms'],
  'quiet.read-longest': ['without a collection: the longest wait of a read', 'ms'],
  'quiet.read-p99': ['without a collection: 99 of 100 reads within', 'ms'],
  'quiet.upload-longest': ['without a collection: the longest wait of an upload', 'ms'],
  'quiet.upload-p99': ['without a collection: 99 of 100 uploads within', 'ms'],
  'quiet.peak': ['without a collection: memory above idle', 'MB'],
} as const satisfies Rows

const eventLoop = {
  'eventloop.p99': ['library: delay of the event loop, import and collection at once, p99', 'ms'],
  'eventloop.longest': ['library: the longest delay of the event loop', 'ms'],
  'eventloop.import': ['library: the import meanwhile', 'MB/s'],
  'eventloop.collect': ['library: dead blocks taken meanwhile', '/s'],
} as const satisfies Rows

/** Callers that upload at once, and the sizes they upload. */
export const callers = [1, 5, 10, 20, 32, 50] as const
export const uploadSizes = { '1-kb': 1000, '100-kb': 100_000, '1-mb': 1_000_000 } as const

export type UploadSize = keyof typeof uploadSizes
export type Callers = (typeof callers)[number]

type ConcurrencyId = `concurrency.${UploadSize}-${Callers}${'' | '-p50'}`

/** Told as a table of their own: there are too many of them. */
const concurrency = Object.fromEntries(
  Object.keys(uploadSizes).flatMap((size) =>
    callers.flatMap((atOnce) => [
      [`concurrency.${size}-${atOnce}`, [`uploads of ${spoken(size)}, ${atOnce} at once`, '/s']],
      [
        `concurrency.${size}-${atOnce}-p50`,
        [`uploads of ${spoken(size)}, ${atOnce} at once: half of them within`, 'ms'],
      ],
    ]),
  ),
) as Record<ConcurrencyId, Row>

/** `1-kb` as `1 KB`. */
export function spoken(size: string): string {
  return size.replace('-', ' ').toUpperCase()
}

/** Everything that is measured, in the order of the report: what it is, and its unit. */
const groups = {
  'The machine': machine,
  'The library': library,
  'The daemon and its HTTP API': daemon,
  "Kubo's command": kubo,
  'Plain Helia': helia,
  Gateways: gateway,
  Bitswap: bitswap,
  'Many small files': small,
  'A file in leaves of 1 KiB': leaves,
  'A large folder': folder,
  'A store of many blocks': million,
  'A collection, as many blocks live as dead': collection,
  'An import and a collection at once': eventLoop,
} as const satisfies Record<string, Rows>

type Group = (typeof groups)[keyof typeof groups]
type IdOf<G> = G extends unknown ? keyof G : never

export type FigureId = IdOf<Group> | ConcurrencyId

export const catalogue = Object.assign({}, ...Object.values(groups), concurrency) as Record<
  FigureId,
  Row
>

export const figureIds = Object.keys(catalogue) as readonly FigureId[]

/** The groups of the report with what is in them. */
export const figureGroups: readonly (readonly [title: string, ids: readonly FigureId[]])[] =
  Object.entries(groups).map(([title, rows]) => [title, Object.keys(rows) as FigureId[]])
