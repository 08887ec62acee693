import { basename, resolve } from 'node:path'
import type { Flags } from '../../config/load.ts'
import type { UploadOptions, UploadSource } from '../../core/storage.ts'
import { connect } from '../daemon-client.ts'
import { formatBytes, formatName, formatTransfer } from '../display.ts'
import type { Session } from '../session.ts'

export type AddOptions = Flags & {
  readonly dereference?: boolean
  readonly filename?: string
  readonly contentType?: string
  readonly expectedSha256?: string
  readonly pin?: boolean
}

const STDIN = '-'

export async function add(session: Session, path: string, options: AddOptions): Promise<void> {
  await using client = await connect(session, options)
  const label = options.filename ?? (path === STDIN ? 'stdin' : basename(resolve(path)))
  const view = session.progress(label)
  const { signal } = session
  const uploadOptions = { ...named(path, options), onProgress: view.onProgress, signal }
  const result = await client.upload(sourceOf(path, options), uploadOptions).finally(view.end)
  const { bytes, durationMs, reusedBytes } = result
  const facts = [
    formatTransfer(bytes, durationMs),
    ...(result.created ? [] : ['it was there before']),
    ...(result.created && reusedBytes > 0 ? [`${formatBytes(reusedBytes)} of it known`] : []),
    ...(result.pinned ? [] : ['left to the next collection']),
  ]
  session.note(`stored ${formatName(result.filename)}: ${facts.join(', ')}`)
  await session.result(result, result.cid)
}

function sourceOf(path: string, { dereference = false }: AddOptions): UploadSource {
  return path === STDIN ? process.stdin : { path, dereference }
}

function named(path: string, options: AddOptions): UploadOptions {
  const { contentType, expectedSha256, pin = true } = options
  const filename = options.filename ?? (path === STDIN ? 'stdin' : undefined)
  return {
    pin,
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(expectedSha256 === undefined ? {} : { expectedSha256 }),
  }
}
