import { setImmediate } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { RAW } from '../core/cid.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { Connection } from '../db/database.ts'
import { ABSENT, blockIndex } from './block-index.ts'
import { IdSet } from './id-set.ts'
import { linksOf, type StoredLink, unpackLinks } from './links.ts'
import { inlineBlock } from './multihash.ts'

export type CompletenessInit = {
  readonly db: Connection
  /** Stores the links of a block that was put under another codec only. */
  readonly relink: (cid: CID) => Promise<void>
  /** Missing blocks to be named; the walk ends with the last of them. */
  readonly atMost: number
  readonly signal?: AbortSignal | undefined
}

/** Milliseconds of the event loop a walk takes at a time. */
const SLICE_MS = 4

/**
 * The first blocks of a DAG that are not stored, `atMost` of them, found by the links in the index: no
 * block is read. Damaged blocks count as missing. What a link carries in itself is there. Throws CANCELLED.
 */
export async function missingBelow(root: CID, init: CompletenessInit): Promise<readonly CID[]> {
  const walk = new Walk(init)
  walk.start(root)
  let sliceEnd = performance.now() + SLICE_MS
  while (await walk.step()) {
    if (performance.now() < sliceEnd) continue
    await setImmediate()
    throwIfCancelled(init.signal)
    sliceEnd = performance.now() + SLICE_MS
  }
  return walk.missing
}

class Walk {
  readonly missing: CID[] = []
  readonly #init: CompletenessInit
  /** By codec: the same block may be read with several. */
  readonly #seen = new Map<number, IdSet>()
  readonly #waiting: StoredLink[] = []

  constructor(init: CompletenessInit) {
    this.#init = init
  }

  start(root: CID): void {
    const inner = inlineBlock(root)
    for (const cid of inner === undefined ? [root] : linksOf(root, inner)) {
      const row = blockIndex.find(this.#init.db, cid.multihash.bytes)
      if (row === undefined) this.missing.push(cid)
      else this.#waiting.push({ child: row.id, codec: cid.code })
    }
  }

  /** Looks at one block; false when there is none left, or enough are missing. */
  async step(): Promise<boolean> {
    const link = this.#waiting.pop()
    if (link === undefined || this.missing.length >= this.#init.atMost) return false
    if (!this.#isFirst(link)) return true
    if (!this.#isStored(link)) this.missing.push(this.#name(link))
    else if (link.codec !== RAW) {
      for (const below of await this.#linksBelow(link)) this.#waiting.push(below)
    }
    return true
  }

  #isFirst({ child, codec }: StoredLink): boolean {
    const ids = this.#seen.get(codec) ?? new IdSet()
    this.#seen.set(codec, ids)
    return ids.add(child)
  }

  #isStored({ child }: StoredLink): boolean {
    const state = blockIndex.state(this.#init.db, child)
    return state !== undefined && state.place !== ABSENT && state.damaged === 0
  }

  async #linksBelow(link: StoredLink): Promise<readonly StoredLink[]> {
    const { db, relink } = this.#init
    const known = blockIndex.links(db, link.child, link.codec)
    if (known !== undefined) return unpackLinks(known)
    await relink(this.#name(link))
    return unpackLinks(blockIndex.links(db, link.child, link.codec) ?? new Uint8Array(0))
  }

  #name({ child, codec }: StoredLink): CID {
    const multihash = blockIndex.multihash(this.#init.db, child)
    if (multihash === undefined) throw new Error('a link names a block without a row')
    return CID.createV1(codec, Digest.decode(multihash))
  }
}
