import type { CID } from 'multiformats/cid'
import { contentDisposition } from '../web/content-disposition.ts'
import type { Ask } from './ask.ts'
import { IMMUTABLE } from './content-reply.ts'

export type FormatHead = {
  /** The CIDs from the root to the content. */
  readonly roots: readonly CID[]
  /** How a browser takes it when `download=true` does not say. */
  readonly kind: 'inline' | 'attachment'
  /** The name it is saved under when `filename=` does not say. */
  readonly name: string
  /** What Accept said besides the format, as parameters of a query. */
  readonly parameters?: ReadonlyMap<string, string>
}

/** The head of an answer in a format, its type, tag and size apart. */
export function formatHeaders(ask: Ask, head: FormatHead): Record<string, string> {
  const { query } = ask
  const kind = query.get('download') === 'true' ? 'attachment' : head.kind
  const filename = query.get('filename') ?? ''
  const location = locationOf(ask, head.parameters ?? new Map())
  return {
    'cache-control': IMMUTABLE,
    'x-ipfs-roots': head.roots.join(','),
    'content-disposition': contentDisposition(kind, filename === '' ? head.name : filename),
    ...(location !== undefined && { 'content-location': location }),
  }
}

/** Where this very answer stands without Accept (trustless gateway, Content-Location). */
function locationOf(
  { query, format, formatAsked, urlPath }: Ask,
  parameters: ReadonlyMap<string, string>,
): string | undefined {
  if (!formatAsked || (query.get('format') ?? '') !== '') return undefined
  const own = new URLSearchParams(query)
  for (const [name, value] of parameters) own.set(name, value)
  own.set('format', format)
  return `${urlPath}?${own}`
}
