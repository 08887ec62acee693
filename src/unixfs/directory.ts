import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import type { ArchiveEntry, DirectoryEntry, FolderEntry } from '../core/content.ts'
import { asFolder, blockBytes, type DagOptions, loadNode } from './dag-source.ts'
import { type FolderLink, folderLinks, type ListOptions, VisitBudget } from './folder-links.ts'
import { FolderWalk, type WalkOptions } from './folder-walk.ts'
import { inOrder } from './in-order.ts'
import { describeNode } from './stat.ts'
import { stoppable } from './stoppable.ts'
import { archiveRules, strictRules } from './walk-rules.ts'

/** Entries looked at ahead of the consumer; a block that is looked at is let go at once. */
const ENTRIES_AHEAD = 32

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
 * The same with kind and size. A raw child's size is what its link claims, else that of its block; of
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
    return inOrder(linksOf(source, cid, inner), (link) => describe(source, link, inner), {
      items: ENTRIES_AHEAD,
    })
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
    yield* walkWith(source, cid, {
      ...options,
      signal,
      rules: strictRules,
      contentOptions: options,
    })
  })
}

/**
 * The same for an archive that is made of it: symbolic links are given, and names that are paths are
 * made plain, both as long as they do not lead out of the folder (DAG_INVALID, UNSUPPORTED_ENTRY).
 */
export function walkForArchive(
  source: BlockSource,
  cid: CID,
  options: ListOptions = {},
): AsyncGenerator<ArchiveEntry, void, void> {
  return stoppable(options.signal, (signal) =>
    walkWith(source, cid, { ...options, signal, rules: archiveRules, contentOptions: options }),
  )
}

async function* walkWith<E>(
  source: BlockSource,
  cid: CID,
  options: WalkOptions<E>,
): AsyncGenerator<FolderEntry | E, void, void> {
  const root = asFolder(await loadNode(source, cid, options))
  yield* new FolderWalk(source, options).entries(root)
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
  if (cid.code === RAW) {
    return { ...entry, kind: 'file', bytes: dagBytes ?? (await blockBytes(source, cid, options)) }
  }
  return { ...entry, ...describeNode(await loadNode(source, cid, options)) }
}
