import { writeFile } from 'node:fs/promises'
import { VERSION } from '../../src/node/version.ts'
import type { Bench, Case } from './bench.ts'
import { bitswap } from './cases/bitswap.ts'
import { collection } from './cases/collection.ts'
import { concurrency } from './cases/concurrency.ts'
import { eventLoop } from './cases/eventloop.ts'
import { folder } from './cases/folder.ts'
import { gateway } from './cases/gateway.ts'
import { helia } from './cases/helia.ts'
import { http } from './cases/http.ts'
import { kubo } from './cases/kubo.ts'
import { leaves } from './cases/leaves.ts'
import { library } from './cases/library.ts'
import { limits } from './cases/limits.ts'
import { million } from './cases/million.ts'
import { small } from './cases/small.ts'
import { catalogue } from './catalogue.ts'
import { Figures } from './figures.ts'
import { findKubo, type KuboProgram } from './kubo-program.ts'
import { describeMachine, loadNow } from './machine.ts'
import { type CaseName, type Options, onceOnly, parseOptions, usage } from './options.ts'
import { number, type Outcome, toJson, toText } from './report.ts'
import { rotated, sameCid } from './turns.ts'
import { openWorkspace } from './workspace.ts'

/* Measures everything in rounds. Ends with 0 when all ran, however slow; 1 when something did not. */

const MISUSED = 2
const INTERRUPTED = 130
const SMALLEST_TIMEOUT_MS = 120_000
/** No disk that this is run on is slower. */
const SLOWEST_BYTES_PER_MS = 5000

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (options === null) return 0
  if (options === undefined) return MISUSED
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupt.abort(new Error(`stopped by ${signal}`)))
  }
  try {
    const outcome = await measure(options, interrupt.signal)
    process.stdout.write(toText(outcome))
    if (options.json !== undefined) await writeFile(options.json, jsonOf(outcome))
    return outcome.failures.length === 0 ? 0 : 1
  } catch (error) {
    say(`bench: ${messageOf(error)}`)
    return interrupt.signal.aborted ? INTERRUPTED : 1
  }
}

/** `null`: help was asked for and given; `undefined`: it was told what is wrong. */
function readOptions(args: readonly string[]): Options | null | undefined {
  try {
    const options = parseOptions(args)
    if (options === null) process.stdout.write(usage)
    return options
  } catch (error) {
    say(`bench: ${messageOf(error)}\n\n${usage}`)
    return undefined
  }
}

async function measure(options: Options, signal: AbortSignal): Promise<Outcome> {
  const kuboFound = await findPeer(options, signal)
  const cases = chooseCases(options, kuboFound)
  const notes = 'missing' in kuboFound ? [`Kubo: ${kuboFound.missing}`] : []
  const kuboVersion = 'version' in kuboFound ? kuboFound.version : null
  const { bytes, blocks, runs } = options
  await using work = await openWorkspace({ dir: options.dir, bytes, signal })
  const machine = await describeMachine(work.path)
  const figures = new Figures((id, value) => {
    const [what, unit] = catalogue[id]
    say(`  ${what}: ${number(value)} ${unit}`)
  })
  const timeoutMs = SMALLEST_TIMEOUT_MS + Math.ceil(bytes / SLOWEST_BYTES_PER_MS)
  const note = (text: string): unknown => notes.push(text)
  const shared = { work, figures, blocks, signal, timeoutMs, checkCid: sameCid(), note }
  const failures = await runRounds(cases, runs, shared)
  const loadAtEnd = loadNow()
  return {
    version: VERSION,
    kuboVersion,
    bytes,
    blocks,
    runs,
    machine,
    loadAtEnd,
    figures,
    notes,
    failures,
  }
}

type Cases = ReadonlyMap<CaseName, Case>

const withoutKubo: readonly CaseName[] = [
  ...(['limits', 'library', 'http', 'helia', 'concurrency', 'eventloop', 'million'] as const),
]

function findPeer({ only, ipfs }: Options, signal: AbortSignal): Promise<KuboProgram> {
  const asked = !only.every((name) => withoutKubo.includes(name))
  return asked ? findKubo(ipfs, signal) : Promise.resolve({ missing: '--only leaves it out' })
}

function chooseCases({ only }: Options, found: KuboProgram): Cases {
  const ipfs = 'path' in found ? found.path : undefined
  const cases = new Map<CaseName, Case>([
    ['limits', limits],
    ['library', library],
    ['http', http],
    ['gateway', gateway(ipfs)],
    ['bitswap', bitswap(ipfs)],
    ['helia', helia],
    ['small', small(ipfs)],
    ['leaves', leaves(ipfs)],
    ['folder', folder(ipfs)],
    ['concurrency', concurrency],
    ['eventloop', eventLoop],
    ['million', million],
    ['collection', collection(ipfs)],
  ])
  if (ipfs !== undefined) {
    cases.set('kubo-sync', kubo(ipfs, 'kubo-sync')).set('kubo', kubo(ipfs, 'kubo'))
  }
  return new Map(only.flatMap((name) => pairOf(name, cases.get(name))))
}

function pairOf(name: CaseName, run: Case | undefined): readonly [CaseName, Case][] {
  return run === undefined ? [] : [[name, run]]
}

/** Each round has every case but those that only the first has. */
async function runRounds(
  cases: Cases,
  runs: number,
  shared: Omit<Bench, 'round'>,
): Promise<string[]> {
  const failed = new Map<CaseName, string>()
  for (let round = 0; round < runs; round += 1) {
    for (const [name, run] of rotated([...cases], round)) {
      if (failed.has(name) || (round > 0 && onceOnly.includes(name))) continue
      say(`round ${round + 1} of ${runs}: ${name}`)
      try {
        await run({ ...shared, round })
      } catch (error) {
        shared.signal.throwIfAborted()
        failed.set(name, messageOf(error))
        say(`  failed: ${messageOf(error)}`)
      }
    }
  }
  return [...failed].map(([name, message]) => `${name}: ${message}`)
}

function jsonOf(outcome: Outcome): string {
  return `${JSON.stringify(toJson(outcome), null, 2)}\n`
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message
}

process.exitCode = await main(process.argv.slice(2))
