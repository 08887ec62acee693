import { CID } from 'multiformats/cid'
import { isDocument } from '../blocks/document-links.ts'
import { inlineBlock } from '../blocks/multihash.ts'
import type { BlockSource, GetOptions } from '../core/block-source.ts'
import { formatTarget, type Target } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { DagOptions } from '../unixfs/dag-source.ts'
import { followName } from '../unixfs/resolve.ts'
import { decodeDocument } from './traverse-document.ts'

/** Where a path leads through folders and documents (dag-cbor, dag-json). */
export type Way = {
  /** The block at its end, of any codec. It was not looked for. */
  readonly cid: CID
  /** For each name of the path, the root first, the block its value is in. */
  readonly roots: readonly CID[]
  /** Names that lead on to a value inside the document `cid`; empty when the path ends with the block. */
  readonly rest: readonly string[]
}

/**
 * Follows a path over any links there are. Throws PATH_NOT_FOUND, NOT_A_DIRECTORY when a file is walked
 * through, UNSUPPORTED_CODEC for a block whose inside is not known here, DAG_INVALID, DAG_LIMIT and
 * what `source` does.
 */
export async function resolveWay(
  source: BlockSource,
  target: Target,
  options: DagOptions = {},
): Promise<Way> {
  const { root, path } = target
  const roots = [root]
  let cid = root
  for (let index = 0; index < path.length; ) {
    throwIfCancelled(options.signal)
    const step = isDocument(cid)
      ? await inDocument(source, { cid, target, index }, options)
      : await inFolder(source, { cid, target, index }, options)
    for (let name = 1; name < step.names; name++) roots.push(cid)
    roots.push(step.cid ?? cid)
    if (step.cid === undefined) return { cid, roots, rest: path.slice(index) }
    cid = step.cid
    index += step.names
  }
  return { cid, roots, rest: [] }
}

/** The same with the blocks that show it, in order, without that of `cid`: folders, shards, documents. */
export async function traceWay(
  source: BlockSource,
  target: Target,
  options: GetOptions = {},
): Promise<Way & { readonly blocks: readonly CID[] }> {
  const asked: CID[] = []
  const way = await resolveWay(noting(source, asked), target, options)
  return { ...way, blocks: way.rest.length > 0 ? asked.slice(0, -1) : asked }
}

function noting(source: BlockSource, asked: CID[]): BlockSource {
  return {
    get(cid, options) {
      if (inlineBlock(cid) === undefined) asked.push(cid)
      return source.get(cid, options)
    },
    getPart: (cid, part, options) => source.getPart(cid, part, options),
    size: (cid, options) => source.size(cid, options),
  }
}

type At = { readonly cid: CID; readonly target: Target; readonly index: number }
/** How many names were followed, and to which block; none when the path ends inside the one it stands in. */
type Step = { readonly names: number; readonly cid: CID | undefined }

async function inFolder(source: BlockSource, at: At, options: DagOptions): Promise<Step> {
  const { cid, target, index } = at
  const name = target.path[index] ?? ''
  const found = await followName(source, cid, { ...options, at: { target, index, name } })
  return { names: 1, cid: found.cid }
}

async function inDocument(source: BlockSource, at: At, { signal }: DagOptions): Promise<Step> {
  const { cid, target, index } = at
  let value = decodeDocument(cid, await source.get(cid, signal === undefined ? {} : { signal }))
  for (let names = 0; index + names < target.path.length; names++) {
    const found = childOf(value, target.path[index + names] ?? '')
    if (found === undefined) throw notFound(target, index + names)
    value = found.value
    const link = CID.asCID(value)
    if (link !== null) return { names: names + 1, cid: link }
  }
  return { names: target.path.length - index, cid: undefined }
}

/** A value of a map or a list (ipld.io/docs/data-model). */
function childOf(value: unknown, name: string): { readonly value: unknown } | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined
  if (Array.isArray(value)) {
    const index = /^(0|[1-9]\d{0,9})$/.test(name) ? Number(name) : -1
    return index >= 0 && index < value.length ? { value: value[index] } : undefined
  }
  const own = Object.getOwnPropertyDescriptor(value, name)
  return own === undefined ? undefined : { value: own.value }
}

function notFound({ root, path }: Target, index: number): PrsmError {
  const parent = formatTarget({ root, path: path.slice(0, index) })
  const name = path[index]
  return new PrsmError('PATH_NOT_FOUND', `${parent} has no ${JSON.stringify(name)}`, {
    details: { path: parent, name },
    hint: 'names are exact; those of a list are its indexes, counted from 0',
  })
}
