import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type LaterVariable, laterVariables } from './later-variables.ts'
import { nearest } from './nearest.ts'
import type { Setting, Settings } from './setting.ts'
import {
  type Environment,
  type Fault,
  type Given,
  placed,
  type Source,
  suggestion,
} from './source.ts'

type Found = { readonly given: Given } | { readonly fault: Fault } | undefined

/** What the environment says. An empty variable counts as not set. A secret may be in `<variable>_FILE`. */
export async function environmentSource<S extends Settings>(
  settings: S,
  env: Environment,
  cwd: string,
): Promise<Source<S>> {
  const given: Record<string, Given> = {}
  const faults: Fault[] = []
  for (const [name, setting] of Object.entries(settings)) {
    const found = await find(setting, env, cwd)
    if (found === undefined) continue
    if ('fault' in found) faults.push(found.fault)
    else given[name] = found.given
  }
  return { given: given as Source<S>['given'], faults, warnings: unknownVariables(settings, env) }
}

async function find(setting: Setting, env: Environment, cwd: string): Promise<Found> {
  const { variable } = setting
  const text = env[variable] || undefined
  const file = setting.secret === true ? env[`${variable}_FILE`] || undefined : undefined
  if (file === undefined) {
    return text === undefined
      ? undefined
      : { given: { text: placed(setting, text, cwd), origin: variable } }
  }
  const origin = `${variable}_FILE`
  if (text !== undefined) {
    return { fault: { origin, message: `${variable} is set, too; keep one of the two` } }
  }
  return await readSecret(resolve(cwd, file), origin)
}

async function readSecret(path: string, origin: string): Promise<Found> {
  try {
    const text = (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
    if (text !== '') return { given: { text, origin } }
    return { fault: { origin, message: `${path} is empty; write the secret into it` } }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { fault: { origin, message: `the file with the secret cannot be read: ${reason}` } }
  }
}

/** A warning for each variable that looks like ours and does nothing. */
function unknownVariables(settings: Settings, env: Environment): readonly string[] {
  const known = Object.values(settings).flatMap(({ variable, secret }) =>
    secret === true ? [variable, `${variable}_FILE`] : [variable],
  )
  return Object.keys(env)
    .filter((name) => env[name] !== undefined && !known.includes(name))
    .filter((name) => name.startsWith('PRSM_') || later(name) !== undefined)
    .sort()
    .map((name) => warning(name, known))
}

function warning(name: string, known: readonly string[]): string {
  const original = later(name)
  if (original?.instead !== undefined) return `${name} has no effect; use ${original.instead}`
  if (original !== undefined) return `${name} has no effect yet`
  const bare = (variable: string) => variable.replace(/^PRSM_/, '')
  const meant = nearest(bare(name), known.map(bare))
  return `${name} is not a variable of PRSM${suggestion(meant && `PRSM_${meant}`)}`
}

function later(name: string): LaterVariable | undefined {
  return laterVariables.find(({ variable }) => variable === name)
}
