import type { CID } from 'multiformats/cid'
import type { BlockStore } from '../blocks/block-store.ts'
import type { Caller } from '../core/caller.ts'
import { bareCid, targetOf } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { PinMode, PinOptions, PinResult, PinUpdateOptions } from '../core/pins.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { ContentId } from '../core/storage.ts'
import type { Book } from '../db/book.ts'
import type { Retrieval } from '../retrieval/retrieval.ts'
import type { NodeCache } from '../unixfs/node-cache.ts'
import { resolvePath } from '../unixfs/resolve.ts'
import { type CheckedDetails, checkDetails } from './details.ts'
import { fetchMissing } from './fetch-missing.ts'
import { PinMeter } from './pin-meter.ts'
import { findPin, movePin, notPinned, writePin } from './rows.ts'

export type PinParts = {
  readonly blocks: BlockStore
  readonly book: Book
  readonly retrieval: Retrieval
  readonly nodes: NodeCache
}

/**
 * THE pin: what is missing of the content is fetched, then one write keeps it. A crash before that
 * write leaves what was fetched to be collected, or to be found by the next try.
 */
export async function pin(
  parts: PinParts,
  content: ContentId,
  options: PinOptions,
  caller: Caller,
): Promise<PinResult> {
  const details = checkDetails(options, Date.now())
  const mode = checkMode(options.mode ?? 'recursive')
  return keeping(parts, { content, mode, options }, (cid) =>
    writePin(parts.book, { cid, mode, ...details }, caller),
  )
}

/** Pins `to` instead of `from`, with its name and all: the first is kept until the second is. Throws PIN_NOT_FOUND. */
export async function updatePin(
  parts: PinParts,
  { from, to }: { readonly from: ContentId; readonly to: ContentId },
  options: PinUpdateOptions,
  caller: Caller,
): Promise<PinResult> {
  const details: CheckedDetails = checkDetails(options, Date.now())
  const replaced = bareCid(from)
  const before = findPin(parts.book, replaced, caller)
  if (before === undefined) throw notPinned(replaced)
  const { mode } = before
  const { unpin = true } = options
  return keeping(parts, { content: to, mode, options }, (cid) =>
    movePin(parts.book, { from: replaced, to: { cid, mode, ...details }, unpin }, caller),
  )
}

type Wanted = {
  readonly content: ContentId
  readonly mode: PinMode
  readonly options: Omit<PinOptions, 'mode'>
}

type Written = Awaited<ReturnType<typeof writePin>>

/** Makes the content whole and safe, then writes. */
async function keeping(
  parts: PinParts,
  { content, mode, options }: Wanted,
  write: (cid: CID) => Promise<Written>,
): Promise<PinResult> {
  const { offline = false, onProgress } = options
  throwIfCancelled(options.signal)
  const { blocks, retrieval } = parts
  using meter = new PinMeter({ onProgress, waitingFor: (cid) => retrieval.waitingFor(cid) })
  const signal = AbortSignal.any([meter.signal, ...(options.signal ? [options.signal] : [])])
  await using lease = blocks.lease()
  await using session = retrieval.session({ lease, offline })
  const cid = await resolve(parts, content, { offline, signal })
  using hold = blocks.hold(cid)
  // A collection that runs may have taken some of it, and takes no more from here on.
  await hold.settled()
  const walk = blocks.walk(cid, { lease, signal, shallow: mode === 'direct' })
  await fetchMissing({ walk, session, lease, meter, signal })
  await lease.sync()
  await blocks.settled()
  meter.tell()
  throwIfCancelled(signal)
  const { pin: written, created } = await write(cid)
  const { fetched, stored, elapsedMs } = meter
  return { ...written, created, blocks: stored, ...fetched, durationMs: elapsedMs }
}

/** The block that a CID with a path names; a bare CID may have any codec. */
async function resolve(
  { retrieval, nodes }: PinParts,
  content: ContentId,
  { offline, signal }: { readonly offline: boolean; readonly signal: AbortSignal | undefined },
): Promise<CID> {
  const target = targetOf(content)
  if (target.path.length === 0) return target.root
  await using reading = retrieval.session({ offline, root: target.root })
  const { cid } = await resolvePath(reading, target, signal ? { nodes, signal } : { nodes })
  return cid
}

function checkMode(mode: PinMode): PinMode {
  if (mode === 'recursive' || mode === 'direct') return mode
  throw new PrsmError('INVALID_INPUT', `a pin cannot be ${JSON.stringify(mode)}`, {
    hint: 'recursive keeps a DAG, direct the one block',
  })
}
