import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import type { DirectoryEntry, FolderEntry } from '../core/content.ts'
import { asFolder, type DagOptions, loadNode } from './dag-source.ts'
import { type FolderLink, folderLinks, type ListOptions, VisitBudget } from './folder-links.ts'
import { FolderWalk } from './folder-walk.ts'
import { inOrder } from './in-order.ts'
import { describeNode } from './stat.ts'
import { stoppable } from './stoppable.ts'

/** Entries looked at ahead of the consumer. */
const ENTRIES_AHEAD = 16

/**
 * The names of one folder, in the order of its blocks, with what the DAG says of them; names are
 * as they stand, fit for display, not for a disk. `dagBytes` is 0 where the link claims nothing.
 * Throws NOT_A_DIRECTORY, DAG_INVALID, DAG_LIMIT, CANCELLED and what `source` does.
 */
export function listDirectory(
  source: BlockSource,
  cid: CID,
  options: ListOptions = {},
): AsyncGenerator<{ name: string; cid: CID; dagBytes: number }, void, void> {
  return stoppable(options.signal, async function* (signal) {
    for await (const { name, cid: child, dagBytes = 0 } of linksOf(source, cid, {
      ...options,
      signal,
    })) {
      yield { name, cid: child, dagBytes }
    }
  })
}

/**
 * The same with kind and size. A raw child's size is what its link claims, without a look at it; of
 * any other the root block is fetched, some at a time. Throws UNSUPPORTED_CODEC for a child that is
 * no UnixFS.
 */
export function listEntries(
  source: BlockSource,
  cid: CID,
  options: ListOptions = {},
): AsyncGenerator<DirectoryEntry, void, void> {
  return stoppable(options.signal, (signal) => {
    const inner = { ...options, signal }
    return inOrder(
      linksOf(source, cid, inner),
      (link) => describe(source, link, inner),
      ENTRIES_AHEAD,
    )
  })
}

/**
 * Everything below a folder, depth first, each folder before what is in it, the root itself not.
 * The content of a file is fetched when it is read. What comes is fit for a disk or a tar: names
 * that are empty, `.`, `..`, hold `/` or NUL, or stand twice are DAG_INVALID; a symbolic link and a
 * name that is not UTF-8 are UNSUPPORTED_ENTRY; each names the path. More than
 * `limits.maxFolderEntries` entries, or deeper or longer paths than the limits, are DAG_LIMIT.
 * Throws NOT_A_DIRECTORY, CANCELLED and what `source` does.
 */
export function walkFolder(
  source: BlockSource,
  cid: CID,
  options: ListOptions = {},
): AsyncGenerator<FolderEntry, void, void> {
  return stoppable(options.signal, async function* (signal) {
    const root = asFolder(await loadNode(source, cid, { ...options, signal }))
    yield* new FolderWalk(source, { ...options, signal }, options).entries(root)
  })
}

async function* linksOf(
  source: BlockSource,
  cid: CID,
  options: ListOptions,
): AsyncGenerator<FolderLink, void, void> {
  const folder = asFolder(await loadNode(source, cid, options))
  yield* folderLinks(source, folder, { ...options, budget: new VisitBudget(options.maxEntries) })
}

async function describe(
  source: BlockSource,
  { name, cid, dagBytes }: FolderLink,
  options: DagOptions,
): Promise<DirectoryEntry> {
  const entry = { name, cid: cid.toString() }
  if (cid.code === RAW && dagBytes !== undefined) return { ...entry, kind: 'file', bytes: dagBytes }
  return { ...entry, ...describeNode(await loadNode(source, cid, options)) }
}
