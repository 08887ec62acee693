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
] as const

export type CaseName = (typeof caseNames)[number]

export type Options = {
  /** Where the temporary folder is made: the disk that is measured. Absolute or of the current folder. */
  readonly dir: string
  /** Bytes of the file. */
  readonly bytes: number
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
  --runs N      rounds; what is told is their median; default 3
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
      ...{ size: text, runs: text, only: text, dir: text, ipfs: text, json: text },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return null
  return {
    dir: values.dir ?? join(repository, 'data'),
    bytes: parseBytes(values.size ?? '1GiB'),
    runs: parseRuns(values.runs ?? '3'),
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

function parseRuns(text: string): number {
  const runs = Number(text)
  if (Number.isInteger(runs) && runs >= 1 && runs <= 100) return runs
  throw new Error(`--runs ${text}: a whole number from 1 to 100`)
}

function parseCases(text: string | undefined): readonly CaseName[] {
  if (text === undefined) return caseNames
  const asked = text.split(',')
  const unknown = asked.filter((name) => !caseNames.some((known) => known === name))
  if (unknown.length > 0) throw new Error(`--only ${unknown}: there are ${caseNames.join(', ')}`)
  return caseNames.filter((name) => asked.includes(name))
}
