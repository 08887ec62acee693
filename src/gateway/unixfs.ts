import type { CID } from 'multiformats/cid'
import { RAW } from '../core/cid.ts'
import { isPrsmError } from '../core/errors.ts'
import type { FolderNode } from '../unixfs/dag-node.ts'
import { blockBytes, loadNode } from '../unixfs/dag-source.ts'
import { resolvePath } from '../unixfs/resolve.ts'
import type { Ask, Reply } from './ask.ts'
import { IMMUTABLE } from './content-reply.ts'
import type { TypeMemory } from './content-type.ts'
import { type FileRoot, type FoundFile, fileReply, knownFile } from './file-reply.ts'
import { listingReply } from './listing.ts'
import { contentUrl } from './request-target.ts'

const INDEX = 'index.html'

/** Where a path leads, and through which CIDs. */
export type Located = { readonly cid: CID; readonly roots: readonly CID[] }

/** Content as a web server gives it: files as they are, folders as their index.html or a listing. */
export async function unixfsReply(ask: Ask, at: Located, types: TypeMemory): Promise<Reply> {
  const found: FoundFile = { cid: at.cid, roots: at.roots.join(',') }
  const known = knownFile(ask, found)
  if (known !== undefined) return known
  const root = await rootOf(ask, at.cid)
  if (!isFolder(root)) return fileReply(ask, { ...found, root }, types)
  if (!ask.trailingSlash) return redirectToSlash(ask)
  return (await indexReply(ask, found, types)) ?? listingReply(ask, at.cid, found.roots)
}

type Root = FileRoot | FolderNode

/** Of a raw block only its size: what is wanted of it may be a part. */
async function rootOf({ blocks, nodes, signal }: Ask, cid: CID): Promise<Root> {
  const block = async () => blockBytes(blocks, cid, { signal })
  if (cid.code === RAW) return { kind: 'block', cid, bytes: await block() }
  const node = await loadNode(blocks, cid, { nodes, signal })
  return node.kind === 'raw' ? { kind: 'block', cid, bytes: await block() } : node
}

function isFolder(root: Root): root is FolderNode {
  return root.kind === 'directory' || root.kind === 'shard'
}

/** Else the links of an index.html would lead beside the folder. */
function redirectToSlash({ rootText, path, query }: Ask): Reply {
  const search = query.size === 0 ? '' : `?${query}`
  return {
    status: 301,
    headers: {
      location: `${contentUrl(rootText, path)}/${search}`,
      'cache-control': IMMUTABLE,
      'content-length': 0,
    },
    label: 'directory',
  }
}

/** The index.html of a folder, under the folder's tag; undefined when it has none that is a file. */
async function indexReply(
  ask: Ask,
  folder: FoundFile,
  types: TypeMemory,
): Promise<Reply | undefined> {
  const { blocks, nodes, signal } = ask
  const target = { root: folder.cid, path: [INDEX] }
  const index = await resolvePath(blocks, target, { nodes, signal }).catch(absent)
  const root = index && (await rootOf(ask, index.cid))
  if (index === undefined || root === undefined || isFolder(root)) return undefined
  const found = { cid: index.cid, roots: folder.roots, tagged: folder.cid, name: INDEX }
  return fileReply(ask, { ...found, root }, types)
}

function absent(error: unknown): undefined {
  if (!isPrsmError(error)) throw error
  if (error.code !== 'PATH_NOT_FOUND' && error.code !== 'UNSUPPORTED_CODEC') throw error
}
