import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { repository } from '../../support/command.ts'

/** A place in the source that syncs something of the store: `src/blocks/file-blocks.ts:88`. */
export type SyncSite = { readonly place: string; readonly call: string }

/** Where files are synced that are no part of the store: what users save, and the key of the network. */
const ELSEWHERE = ['src/files', 'src/network', 'src/core']
const CALL = /\b(?:this\.#)?files?\.(?:datasync|syncDirectory)\([^)]*\)/

/** Every call of a sync of the file port, found in the source: a new one cannot be forgotten here. */
export function syncSites(): readonly SyncSite[] {
  const source = join(repository, 'src')
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts') && !ELSEWHERE.includes(folderOf(name)))
    .sort()
    .flatMap((name) => sitesIn(join(source, name)))
}

function folderOf(name: string): string {
  return join('src', name.split('/')[0] ?? '')
}

function sitesIn(path: string): readonly SyncSite[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.flatMap((line, at) => {
    const call = CALL.exec(line)?.[0]
    return call === undefined ? [] : [{ place: `${relative(repository, path)}:${at + 1}`, call }]
  })
}

const FRAME = /(src\/[\w/-]+\.ts:\d+):\d+/

/** The place in the source that called the port: the first of the stack that is not the port's own. */
export function callingPlace(): string {
  Error.stackTraceLimit = 20
  for (const line of (new Error().stack ?? '').split('\n')) {
    const place = FRAME.exec(line)?.[1]
    if (place !== undefined && !place.startsWith('src/files/')) return place
  }
  return ''
}
