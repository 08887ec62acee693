import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { buildLightProgram } from './light-program.ts'
import type { Mode } from './runs.ts'
import type { ShareInit } from './share.ts'

export type SuiteInit = {
  readonly mode: Mode
  readonly runs: number
  readonly seed?: number
  /** The call of a sync that is left out, as `sync-sites.ts` names it: then something must be found. */
  readonly without?: string
}

export type SuiteResult = {
  readonly runs: number
  /** What was found, with the command that shows it again. */
  readonly found: readonly string[]
  readonly seconds: number
}

const PROGRAM = join(import.meta.dirname, '../programs/run-share.ts')
/** Processes at the same time. */
const SHARES = 2

/** Runs a mode in two processes, each until its share is done or something is found. */
export async function runSuite({ mode, runs, seed = 1, without }: SuiteInit): Promise<SuiteResult> {
  const began = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'prsm-crash-'))
  const children: ChildProcess[] = []
  try {
    const light = mode === 'kill' ? { program: await buildLightProgram(join(folder, 'light')) } : {}
    const shares = Array.from({ length: SHARES }, (_, number) => ({
      ...{ mode, folder, seedStep: SHARES, firstSeed: seed + number, ...light },
      runs: Math.ceil((runs - number) / SHARES),
      ...(without !== undefined && { without }),
    }))
    const told = await Promise.all(shares.map((share) => runProcess(share, children)))
    const found = told.flatMap(({ found: what }) => (what === undefined ? [] : [what]))
    const done = told.reduce((sum, share) => sum + (share.runs ?? 0), 0)
    return { runs: done, found, seconds: (performance.now() - began) / 1000 }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

type Told = { readonly runs?: number; readonly found?: string; readonly stopped?: true }

/** One that finds something ends the others. */
async function runProcess(share: ShareInit, children: ChildProcess[]): Promise<Told> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(share)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  const ended = once(child, 'exit')
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code, signal] = await ended
  for (const other of children) if (code !== 0 && other !== child) other.kill()
  if (output !== '') return JSON.parse(output.split('\n')[0] ?? '')
  return signal === 'SIGTERM' ? { stopped: true } : { found: `it ended with ${code}: ${errors}` }
}
