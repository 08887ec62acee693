import { basename } from 'node:path'
import type { Flags } from '../../config/load.ts'
import type { ImportedRoot, ImportResult } from '../../core/content.ts'
import type { CarSource } from '../../core/storage.ts'
import { connect } from '../daemon-client.ts'
import { formatName, formatTransfer } from '../display.ts'
import type { Session } from '../session.ts'

export type ImportFlags = Flags & { readonly pin?: boolean }

const STDIN = '-'

export async function dagImport(
  session: Session,
  paths: readonly string[],
  { pin = true, ...flags }: ImportFlags,
): Promise<void> {
  await using client = await connect(session, flags)
  const { signal } = session
  for (const path of paths) {
    const label = path === STDIN ? 'stdin' : basename(path)
    const view = session.progress(label)
    const how = { pin, onProgress: view.onProgress, signal }
    const result = await client.importCar(sourceOf(path), how).finally(view.end)
    noteImport(session, label, result)
    await tellRoots(session, result)
  }
}

function sourceOf(path: string): CarSource {
  return path === STDIN ? process.stdin : { path }
}

function noteImport(session: Session, label: string, result: ImportResult): void {
  const { blocks, bytes, durationMs, roots } = result
  const moved = formatTransfer(bytes, durationMs)
  session.note(`imported ${formatName(label)}: ${blocks} blocks, ${moved}`)
  for (const root of roots.filter(({ complete }) => !complete)) session.warn(lackOf(root))
  if (roots.length === 0) session.warn(`${label} has no roots: nothing keeps its blocks`)
}

function lackOf({ cid, missing }: ImportedRoot): string {
  return `${cid} is incomplete and not kept from collection: ${missing[0]} is missing; import it as well, or get it from a peer`
}

/** With `--json` one object for the archive, else a CID a line. */
async function tellRoots(session: Session, result: ImportResult): Promise<void> {
  if (session.json) return session.result(result, '')
  for (const { cid } of result.roots) await session.result({}, cid)
}
