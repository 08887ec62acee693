import type { CID } from 'multiformats/cid'
import type { BlockWrite } from './block-index.ts'

/**
 * A block on its way to durability. Readers and dedup see it from the moment it is put; every lease
 * that put or met it waits for `durable`.
 */
export type Pending = {
  readonly cid: CID
  readonly key: string
  readonly size: number
  /** The block, until its file holds it. Undefined when only the row of a stored block changes. */
  bytes: Uint8Array | undefined
  /** What the commit stores; of a file block known once it is written. */
  content: BlockWrite['content'] | undefined
  readonly links: Map<number, readonly CID[]>
  readonly inFile: boolean
  /** The key is held by a deletion: wait for `durable`, then look again. */
  readonly deleting: boolean
  /** The directory its file was given, from the moment it was. */
  directory: number | undefined
  /** The directory of a damaged file this block replaces. */
  readonly replaces: number | undefined
  /** Set when the row is being committed: too late for more links. */
  taken: boolean
  /** The system has the bytes of a file, or the database: the buffer is free. */
  readonly copied: Promise<void>
  readonly setCopied: () => void
  /** The bytes are where they belong and, in a file, synced. */
  written: Promise<void>
  /** The row that names the bytes is committed and synced. */
  readonly durable: Promise<void>
  readonly settle: (error?: unknown) => void
}

type Fixed = Pick<Pending, 'cid' | 'key' | 'size'>
type Optional = Pick<Pending, 'bytes' | 'content' | 'replaces' | 'deleting'>

/** An entry with `bytes` and no `content` yet becomes a file. */
export function createPending(init: Fixed & Partial<Optional>): Pending {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  promise.catch(() => {})
  const inFile = init.bytes !== undefined && init.content === undefined
  const copy = inFile ? Promise.withResolvers<void>() : undefined
  const { cid, key, size, bytes, content, replaces, deleting = false } = init
  return {
    cid,
    key,
    size,
    bytes,
    content,
    replaces,
    deleting,
    inFile,
    directory: undefined,
    links: new Map(),
    taken: false,
    copied: copy?.promise ?? promise,
    setCopied: copy?.resolve ?? (() => {}),
    written: Promise.resolve(),
    durable: promise,
    settle: (error) => (error === undefined ? resolve() : reject(error)),
  }
}

/** About how many tens of microseconds the commit of this block takes. */
export function commitWeight({ links, content }: Pending): number {
  let weight = 1
  for (const children of links.values()) weight += children.length
  if (content !== undefined && 'bytes' in content) weight += content.bytes.byteLength / 8192
  return weight
}
