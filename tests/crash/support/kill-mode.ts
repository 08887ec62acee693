import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from './random.ts'
import type { RunRecord } from './records.ts'
import { inFolder, type RunId, type RunOptions, Violation } from './runs.ts'
import { verify } from './verify.ts'

/** As it is in the source, for a run that is looked at; the suite has a lighter one. */
const PROGRAM = join(import.meta.dirname, '../programs/live-until-killed.ts')
/** The second life ends within these steps. */
const SECOND_STEPS = 200

/**
 * A process that kills itself at step N of its node; now and then a second one that goes on with what
 * the first left, and is killed as well. A plain node finds all that was acknowledged.
 */
export async function killRun(id: RunId, { folder, program = PROGRAM }: RunOptions): Promise<void> {
  const random = new Random(id.seed, id.step)
  const steps = random.chance(0.3) ? [id.step, 1 + random.int(SECOND_STEPS)] : [id.step]
  const dataDir = join(folder, 'data')
  const records: RunRecord[] = []
  await inFolder(folder, async () => {
    try {
      for (const [life, step] of steps.entries()) {
        records.push(...(await killedAt(folder, { seed: id.seed, step, life, program })))
      }
      await verify(dataDir, records)
    } catch (cause) {
      throw new Violation('kill', id, { what: `steps ${steps.join(', ')}`, cause })
    }
  })
}

type Life = RunId & { readonly life: number; readonly program: string }

/** What the program told until it was killed. A file takes it: nothing that was written is lost with the process. */
async function killedAt(folder: string, { seed, step, life, program }: Life): Promise<RunRecord[]> {
  const told = join(folder, `told-${life}`)
  const output = openSync(told, 'w')
  const dataDir = join(folder, 'data')
  const args = [program, dataDir, `${seed}`, `${step}`, `${life}`]
  const child = spawn(process.execPath, args, { stdio: ['ignore', output, 'pipe'] })
  closeSync(output)
  const said: Buffer[] = []
  child.stderr?.on('data', (bytes: Buffer) => said.push(bytes))
  const [code, signal] = await once(child, 'close')
  if (signal !== 'SIGKILL') {
    throw new Error(`the program ended by itself (${code}): ${Buffer.concat(said)}`)
  }
  const lines = readFileSync(told, 'utf8').split('\n')
  return lines.slice(0, -1).map((line): RunRecord => JSON.parse(line))
}
