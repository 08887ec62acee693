import { setImmediate } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { RAW } from '../core/cid.ts'
import { throwIfCancelled } from '../core/signal.ts'
import { ABSENT } from '../db/block-rows.ts'
import type { Connection } from '../db/database.ts'
import { IdSet } from '../db/id-set.ts'
import { type StoredLink, unpackLinks } from '../db/packed-links.ts'
import { blockIndex } from './block-index.ts'
import { linksOf } from './links.ts'
import { inlineBlock } from './multihash.ts'

export type DagWalkInit = {
  readonly db: Connection
  /** Stores the links of a block that was put under another codec only. */
  readonly relink: (cid: CID) => Promise<void>
  readonly signal?: AbortSignal | undefined
  /** Looks at the root alone. */
  readonly shallow?: boolean
  /** Asked of each stored block: false counts it as missing. */
  readonly check?: (cid: CID) => Promise<boolean>
}

/** Milliseconds of the event loop a walk takes at a time. */
const SLICE_MS = 4

/**
 * A walk over what is stored of a DAG, by the links in the index: no block is read. Each block is
 * looked at once, also when the walk goes on with what was missing. Damaged blocks count as missing;
 * what a link carries in itself is there.
 */
export class DagWalk {
  readonly #init: DagWalkInit
  /** By codec: the same block may be read with several. */
  readonly #seen = new Map<number, IdSet>()
  readonly #waiting: StoredLink[] = []
  /** Blocks that were missing, and are here now. */
  readonly #arrived: StoredLink[] = []
  readonly #roots: CID[]
  #stored = 0

  constructor(root: CID, init: DagWalkInit) {
    this.#init = init
    const inner = inlineBlock(root)
    this.#roots = inner === undefined ? [root] : init.shallow ? [] : [...linksOf(root, inner)]
  }

  /** Blocks found stored by now. */
  get stored(): number {
    return this.#stored
  }

  /** The next blocks that are not stored, `atMost` of them; none when there are no more. Throws CANCELLED. */
  async missing(atMost: number): Promise<readonly CID[]> {
    const missing: CID[] = []
    for (const root of this.#roots.splice(0)) if (!this.#start(root)) missing.push(root)
    let sliceEnd = performance.now() + SLICE_MS
    while (missing.length < atMost) {
      const found = await this.#step()
      if (found === 'end') break
      if (found !== undefined) missing.push(found)
      if (performance.now() < sliceEnd) continue
      await setImmediate()
      throwIfCancelled(this.#init.signal)
      sliceEnd = performance.now() + SLICE_MS
    }
    return missing
  }

  /** Blocks that were missing are stored now: the walk goes on below them. */
  arrived(cids: readonly CID[]): void {
    for (const cid of cids) {
      const row = blockIndex.find(this.#init.db, cid.multihash.bytes)
      if (row === undefined) this.#roots.push(cid)
      else this.#arrived.push({ child: row.id, codec: cid.code })
    }
  }

  #start(cid: CID): boolean {
    const row = blockIndex.find(this.#init.db, cid.multihash.bytes)
    if (row !== undefined) this.#waiting.push({ child: row.id, codec: cid.code })
    return row !== undefined
  }

  /** Looks at one block: gives it when it is missing. */
  async #step(): Promise<CID | undefined | 'end'> {
    const again = this.#arrived.pop()
    const link = again ?? this.#waiting.pop()
    if (link === undefined) return 'end'
    if (again === undefined && !this.#isFirst(link)) return undefined
    if (!(await this.#isThere(link))) return this.#name(link)
    this.#stored += 1
    if (link.codec !== RAW && this.#init.shallow !== true) {
      for (const below of await this.#linksBelow(link)) this.#waiting.push(below)
    }
    return undefined
  }

  #isFirst({ child, codec }: StoredLink): boolean {
    const ids = this.#seen.get(codec) ?? new IdSet()
    this.#seen.set(codec, ids)
    return ids.add(child)
  }

  async #isThere(link: StoredLink): Promise<boolean> {
    const { check } = this.#init
    if (!this.#isStored(link)) return false
    return check === undefined || (await check(this.#name(link)))
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
