/** MB is 10^6 bytes here, in rates and in memory. */
export type Unit = 'MB/s' | 'MB' | 'ms' | 's' | '/s'

export type Direction = 'import' | 'read'

/** Everything that is measured: what it is, and its unit. The order is that of the report. */
export const catalogue = {
  'limits.sha256': ['sha256 of memory, one core', 'MB/s'],
  'limits.dd': ['dd conv=fdatasync', 'MB/s'],
  'limits.files': ['files of 1 MiB, each fdatasync of each, 8 at once, no hash', 'MB/s'],
  'limits.read-sha256': ['read a file and sha256, one thread of Node', 'MB/s'],
  'library.import': ['library: durable import', 'MB/s'],
  'library.import-peak': ['library: memory above idle during the import', 'MB'],
  'library.read': ['library: verified read (reuseBuffers)', 'MB/s'],
  'library.read-kept': ['library: verified read into new memory for each chunk', 'MB/s'],
  'library.read-peak': ['library: memory above idle during the read', 'MB'],
  'library.ranges': ['library: random 64 KiB ranges, 16 at once', '/s'],
  'library.ranges-p99': ['library: 99 of 100 ranges within', 'ms'],
  'daemon.ready': ['daemon, network on: from its start to ready', 'ms'],
  'daemon.idle': ['daemon, network on: memory when idle', 'MB'],
  'http.import': ['HTTP: durable import', 'MB/s'],
  'http.import-peak': ['HTTP: memory of the daemon above idle during the import', 'MB'],
  'http.read': ['HTTP: verified read', 'MB/s'],
  'http.read-peak': ['HTTP: memory of the daemon above idle during the read', 'MB'],
  'http.ranges': ['HTTP: random 64 KiB ranges, 16 connections', '/s'],
  'http.ranges-p99': ['HTTP: 99 of 100 ranges within', 'ms'],
  'small.100-kib': ['library: durable adds of 100 KiB, 10 at once', '/s'],
  'small.100-kib-peak': ['library: memory above idle during these', 'MB'],
  'small.1-kib': ['library: durable adds of 1 KiB, 10 at once', '/s'],
  'small.1-kib-peak': ['library: memory above idle during these', 'MB'],
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
  'bitswap.rate': ['Bitswap: a file of up to 256 MiB from one daemon through another', 'MB/s'],
  'bitswap.cpu': ['Bitswap: processor time of both daemons', 's'],
  'bitswap.peak': ['Bitswap: the most memory one of them had', 'MB'],
  'kubo-bitswap.rate': ['Bitswap, Kubo and Kubo: the same file', 'MB/s'],
  'kubo-bitswap.cpu': ['Bitswap, Kubo and Kubo: processor time of both', 's'],
  'kubo-bitswap.peak': ['Bitswap, Kubo and Kubo: the most memory one of them had', 'MB'],
  'helia.import': ['Helia 7, not durable: import', 'MB/s'],
  'helia.import-peak': ['Helia 7: memory above idle during the import', 'MB'],
  'helia.read': ['Helia 7: read', 'MB/s'],
  'helia.read-peak': ['Helia 7: memory above idle during the read', 'MB'],
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
} as const satisfies Record<string, readonly [what: string, unit: Unit]>

export type FigureId = keyof typeof catalogue

export const figureIds = Object.keys(catalogue) as FigureId[]

/** What was measured, by round. */
export class Figures {
  readonly #values = new Map<FigureId, Map<number, number>>()
  readonly #onFigure: (id: FigureId, value: number) => void

  constructor(onFigure: (id: FigureId, value: number) => void) {
    this.#onFigure = onFigure
  }

  add(id: FigureId, round: number, value: number): void {
    const rounds = this.#values.get(id) ?? new Map<number, number>()
    this.#values.set(id, rounds.set(round, value))
    this.#onFigure(id, value)
  }

  values(id: FigureId): readonly number[] {
    return [...(this.#values.get(id)?.values() ?? [])]
  }

  /** `id` over `other`, for each round that has both: what was measured close together. */
  ratios(id: FigureId, other: FigureId): readonly number[] {
    const others = this.#values.get(other)
    return [...(this.#values.get(id) ?? [])].flatMap(([round, value]) => {
      const beside = others?.get(round)
      return beside === undefined ? [] : [value / beside]
    })
  }
}

/** The middle value, or the mean of the two in the middle; `undefined` of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  if (middle.length === 0) return undefined
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

/** MB/s of `bytes` in `ms`. */
export function rate(bytes: number, ms: number): number {
  return bytes / 1000 / ms
}

/** MB of `bytes`. */
export function megabytes(bytes: number): number {
  return bytes / 1e6
}
