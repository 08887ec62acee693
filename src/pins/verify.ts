import type { CID } from 'multiformats/cid'
import type { BlockStore } from '../blocks/block-store.ts'
import type { Caller } from '../core/caller.ts'
import { parseCid } from '../core/cid.ts'
import { isPrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Pin, PinCheck, PinFilter, VerifyPinsOptions } from '../core/pins.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { Book } from '../db/book.ts'
import { listPins } from './rows.ts'

export type VerifyParts = { readonly blocks: BlockStore; readonly book: Book }

/** The caller's pins, in the order of their CIDs. */
export async function* eachPin(
  book: Book,
  { signal, ...filter }: PinFilter,
  caller: Caller,
): AsyncGenerator<Pin> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    throwIfCancelled(signal)
    const page = listPins(book, { ...filter, after, limit: limits.maxPageRows }, caller)
    yield* page.pins
    after = page.next
  }
}

/** Looks whether all that pins keep is here. Throws CANCELLED. */
export async function* verifyPins(
  parts: VerifyParts,
  options: VerifyPinsOptions,
  caller: Caller,
): AsyncGenerator<PinCheck> {
  for await (const { cid, mode } of eachPin(parts.book, options, caller)) {
    const found = await verify(parts.blocks, parseCid(cid), { ...options, mode })
    yield { cid, mode, complete: found.missing.length === 0, ...found }
  }
}

async function verify(
  blocks: BlockStore,
  cid: CID,
  { mode, read = false, signal }: VerifyPinsOptions & Pick<Pin, 'mode'>,
): Promise<Pick<PinCheck, 'blocks' | 'missing'>> {
  await using lease = blocks.lease()
  const walk = blocks.walk(cid, {
    ...{ lease, signal, shallow: mode === 'direct' },
    ...(read && { check: (stored: CID) => isReadable(blocks, stored) }),
  })
  const missing = await walk.missing(limits.maxToldMissing)
  return { blocks: walk.stored, missing: missing.map(String) }
}

/** False for a damaged block: that is remembered, and the next put of it writes it anew. */
async function isReadable(blocks: BlockStore, cid: CID): Promise<boolean> {
  try {
    await blocks.get(cid)
    return true
  } catch (error) {
    if (isPrsmError(error) && error.code === 'BLOCK_CORRUPT') return false
    throw error
  }
}
