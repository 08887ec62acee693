import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseSize } from '../../src/config/size.ts'
import { repository } from '../support/command.ts'

/** The order of a round: what is compared stands close together. */
export const caseNames = [
  'limits',
  'library',
  'kubo-sync',
  'http',
  'gateway',
  'bitswap',
  'helia',
  'kubo',
  'small',
  'leaves',
  'folder',
  'concurrency',
  'eventloop',
  'million',
  'collection',
] as const

/** These take minutes: the first round has them, the others do not. */
export const onceOnly: readonly CaseName[] = ['folder', 'million', 'collection']

export type CaseName = (typeof caseNames)[number]

export type Options = {
  /** Where the temporary folder is made: the disk that is measured. Absolute or of the current folder. */
  readonly dir: string
  /** Bytes of the file. */
  readonly bytes: number
  /** Blocks of `million`, live and dead ones of `collection`. */
  readonly blocks: number
  readonly runs: number
  readonly only: readonly CaseName[]
  /** Path of Kubo's `ipfs`, when it was given. */
  readonly ipfs: string | undefined
  /** Where the result goes as JSON. */
  readonly json: string | undefined
}

export const usage = `Measures this node beside its peers and the machine's own limits, in one run on one disk.

  npm run bench -- [flags]

  --size SIZE   bytes of the random file; default 1GiB
  --blocks N    small blocks of the large store, and live and dead ones that a collection finds;
                the large folder, and what eventloop collects, have a tenth of that; default 1000000
  --runs N      rounds; what is told is their median; default 3. The first alone has ${onceOnly.join(', ')}
  --only CASES  some of ${caseNames.join(',')}
  --dir DIR     the disk to measure on; default: data/ of this repository
  --ipfs FILE   Kubo's program; default: ipfs on PATH, else built by scripts/kubo.sh where Go is
  --json FILE   writes the result there, too
  --help        prints this
`

/** Reads the flags; `null` asks for help. Throws with a sentence for one that is not understood. */
export function parseOptions(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ size: text, blocks: text, runs: text, only: text, dir: text, ipfs: text, json: text },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return null
  return {
    dir: values.dir ?? join(repository, 'data'),
    bytes: parseBytes(values.size ?? '1GiB'),
    blocks: parseWhole('--blocks', values.blocks ?? '1000000', BLOCKS),
    runs: parseWhole('--runs', values.runs ?? '3', RUNS),
    only: parseCases(values.only),
    ipfs: values.ipfs,
    json: values.json,
  }
}

/** Ranges of 64 KiB are read from the file: a smaller one has none. */
const MIN_BYTES = 1_048_576

function parseBytes(text: string): number {
  const bytes = parseSize(text)
  if (bytes < MIN_BYTES) throw new Error(`--size ${text}: at least 1MiB`)
  return bytes
}

type Bounds = { readonly from: number; readonly to: number }

const RUNS: Bounds = { from: 1, to: 100 }
/** A tenth of them is a folder's entries, of which there may be a million. */
const BLOCKS: Bounds = { from: 1000, to: 10_000_000 }

function parseWhole(flag: string, text: string, { from, to }: Bounds): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= from && value <= to) return value
  throw new Error(`${flag} ${text}: a whole number from ${from} to ${to}`)
}

function parseCases(text: string | undefined): readonly CaseName[] {
  if (text === undefined) return caseNames
  const asked = text.split(',')
  const unknown = asked.filter((name) => !caseNames.some((known) => known === name))
  if (unknown.length > 0) throw new Error(`--only ${unknown}: there are ${caseNames.join(', ')}`)
  return caseNames.filter((name) => asked.includes(name))
}
