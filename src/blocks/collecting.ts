import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { isPrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { throwIfCancelled } from '../core/signal.ts'
import { ABSENT, FILE } from '../db/block-rows.ts'
import type { Connection, Database } from '../db/database.ts'
import { keyOfMultihash } from '../db/known-ids.ts'
import type { MarkRoot, Unlinked } from '../db/marker.ts'
import { SharedIds } from '../db/shared-ids.ts'
import { count, fileBytesOf, type Tally } from '../db/store-blocks.ts'
import type { DeadRow, IdPage } from '../db/sweep-queries.ts'
import { dropDeadLinks, dropLostDamage, removeDead } from './block-index.ts'
import type { HoldListener } from './holds.ts'
import type { Intake } from './intake.ts'
import { linksOf } from './links.ts'
import { inlineBlock } from './multihash.ts'

export type CollectingInit = {
  readonly db: Database
  readonly intake: Pick<Intake, 'removeAll'>
  /** Blocks of this epoch and later ones are not taken. */
  readonly floor: number
  /** One more than the highest id of a block there was. */
  readonly bound: number
  /** Puts a stored block under a codec it was never put with, so that its links are known. */
  readonly relink: (cid: CID) => Promise<void>
  readonly signal: AbortSignal | undefined
}

export type SweepOptions = {
  /** Ends when so many bytes are free. Default: takes all. */
  readonly bytes?: number
  /** Counts only. */
  readonly dryRun?: boolean
}

/** Blocks in one batch: of what is in the database some 4 ms of work. */
const BATCH = 100

/**
 * One collection as the store sees it. First all is marked that lives, then what is not marked, and
 * old enough, is taken in small batches. Whatever is held meanwhile is marked before the next batch.
 */
export class Collecting implements HoldListener {
  readonly #init: CollectingInit
  readonly #live: SharedIds
  /** Blocks that are named by links which stay. */
  readonly #named: SharedIds
  #joined = new Map<string, MarkRoot>()
  #marking: Promise<void> = Promise.resolve()
  #marks = 0
  /** Why nothing may be taken: something that is to live could not be marked. */
  #failure: unknown

  constructor(init: CollectingInit) {
    this.#init = init
    this.#live = SharedIds.below(init.bound)
    this.#named = SharedIds.below(init.bound)
    // SQLite gives the highest id anew when its row is gone: no link may lead to another block.
    this.#named.add(init.bound - 1)
  }

  async begin(): Promise<void> {
    await this.#init.db.ask('beginMark', { live: this.#live.buffer })
  }

  async end(): Promise<void> {
    await this.#init.db.ask('endMark', null)
  }

  joined(cid: CID): void {
    for (const root of toRoots(cid)) {
      this.#joined.set(`${root.codec} ${keyOfMultihash(root.multihash)}`, root)
    }
  }

  /** Resolves when all that was held by now is marked, or nothing will be taken any more. */
  async caughtUp(): Promise<void> {
    if (this.#joined.size > 0) {
      this.mark([...this.#joined.values()])
      this.#joined.clear()
    }
    await this.#marking
  }

  /** Marks all below `roots`, after what is being marked. What goes wrong is told by `sweep`. */
  mark(roots: readonly MarkRoot[]): void {
    this.#marks += 1
    this.#marking = this.#marking
      .then(() => this.#mark(roots))
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        this.#marks -= 1
      })
  }

  /**
   * Takes what is dead, or counts it. Throws CANCELLED, and BLOCK_CORRUPT where the links of a block
   * that lives are not known and cannot be read.
   */
  async sweep({ bytes = Number.POSITIVE_INFINITY, dryRun = false }: SweepOptions): Promise<Tally> {
    await this.#ready()
    if (!dryRun) await this.#forgetLinks()
    let tally = EMPTY
    for (let after: number | undefined = 0; after !== undefined && freed(tally) < bytes; ) {
      await this.#ready()
      const page: IdPage<DeadRow> = await this.#ask('dead', after)
      const rows = enough(page.rows, tally, bytes)
      tally = add(tally, dryRun ? rows : await this.#takeAll(rows))
      after = rows.length < page.rows.length ? rows.at(-1)?.id : page.after
    }
    if (!dryRun) await this.#init.db.write(dropLostDamage)
    return tally
  }

  /** One batch after the other: what others write meanwhile waits for one at most, and comes before the next. */
  async #takeAll(rows: readonly DeadRow[]): Promise<readonly DeadRow[]> {
    const taken: DeadRow[] = []
    for (const batch of batches(rows)) taken.push(...(await this.#take(batch)))
    return taken
  }

  async #ready(): Promise<void> {
    await this.caughtUp()
    throwIfCancelled(this.#init.signal)
    if (this.#failure !== undefined) throw this.#failure
  }

  async #mark(roots: readonly MarkRoot[]): Promise<void> {
    let adding = roots
    for (let done = false; !done; ) {
      throwIfCancelled(this.#init.signal)
      const step = await this.#init.db.ask('mark', { roots: adding })
      adding = await this.#relinked(step.unlinked)
      done = step.done && adding.length === 0
    }
  }

  /** Blocks whose links have become known: they are looked at again. What is not what its codec says has none. */
  async #relinked(unlinked: readonly Unlinked[]): Promise<readonly MarkRoot[]> {
    const again: MarkRoot[] = []
    for (const { multihash, codec } of unlinked) {
      try {
        await this.#init.relink(CID.createV1(codec, Digest.decode(multihash)))
        again.push({ multihash, codec, direct: false, again: true })
      } catch (error) {
        if (!isPrsmError(error) || error.code !== 'BLOCK_REJECTED') throw error
      }
    }
    return again
  }

  /**
   * The links of dead blocks go first: a block must not outlive, with links to it, the rows these lead
   * to. What the links that stay name keeps its row.
   */
  async #forgetLinks(): Promise<void> {
    const { db } = this.#init
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: IdPage<number> = await this.#ask('deadParents', after)
      for (const ids of batches(page.rows)) {
        while (!(await this.#forgetLinksOf(ids))) await this.#ready()
      }
      after = page.after
    }
    const names = { live: this.#live.buffer, named: this.#named.buffer }
    for (let after: readonly [number, number] | undefined = [0, -1]; after !== undefined; ) {
      throwIfCancelled(this.#init.signal)
      after = (await db.ask('named', { ...names, after })).after
    }
  }

  /** False when something is held that is not marked yet: then it has to be looked at again. */
  async #forgetLinksOf(ids: readonly number[]): Promise<boolean> {
    await this.#ready()
    const { db, floor } = this.#init
    return db.write((writer) => {
      if (!this.#isCaughtUp) return false
      for (const id of ids) if (this.#isDead(id)) dropDeadLinks(writer, id, floor)
      return true
    })
  }

  #ask(name: 'dead', after: number): Promise<IdPage<DeadRow>>
  #ask(name: 'deadParents', after: number): Promise<IdPage<number>>
  #ask(name: 'dead' | 'deadParents', after: number) {
    throwIfCancelled(this.#init.signal)
    const { db, floor } = this.#init
    return db.ask(name, { live: this.#live.buffer, floor, after })
  }

  /** Takes a batch, again where something was held meanwhile; gives what went. */
  async #take(rows: readonly DeadRow[]): Promise<readonly DeadRow[]> {
    const taken: DeadRow[] = []
    for (let left = rows; left.length > 0; ) {
      await this.#ready()
      let looked = 0
      const went = await this.#init.intake.removeAll(left, (writer, dying) => {
        looked = this.#isCaughtUp ? left.length : 0
        return looked === 0 ? [] : this.#remove(writer, dying)
      })
      taken.push(...went)
      left = left.slice(looked)
    }
    return taken
  }

  #remove(writer: Connection, rows: readonly DeadRow[]): readonly DeadRow[] {
    const dead = { floor: this.#init.floor, named: this.#named }
    const went = rows.filter((row) => this.#isDead(row.id) && removeDead(writer, row, dead))
    const { blocks, bytes, fileBytes } = add(EMPTY, went)
    count(writer, { blocks: -blocks, bytes: -bytes, fileBytes: -fileBytes })
    return went
  }

  #isDead(id: number): boolean {
    return this.#isCaughtUp && !this.#live.has(id)
  }

  get #isCaughtUp(): boolean {
    return this.#joined.size === 0 && this.#marks === 0 && this.#failure === undefined
  }
}

const EMPTY: Tally = { blocks: 0, bytes: 0, fileBytes: 0 }

/** The blocks of a tally that rows stand for; rows that links only name are none. */
function add(tally: Tally, rows: readonly DeadRow[]): Tally {
  let { blocks, bytes, fileBytes } = tally
  for (const { place, size } of rows) {
    if (place === ABSENT) continue
    blocks += 1
    bytes += size
    if (place === FILE) fileBytes += fileBytesOf(size)
  }
  return { blocks, bytes, fileBytes }
}

function freed({ bytes, fileBytes }: Tally): number {
  return Math.max(bytes, fileBytes)
}

function batches<T>(rows: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(rows.length / BATCH)
  return Array.from({ length: count }, (_, at) => rows.slice(at * BATCH, (at + 1) * BATCH))
}

/** As many of the rows as free so many bytes with what was taken before. */
function enough(rows: readonly DeadRow[], before: Tally, bytes: number): readonly DeadRow[] {
  if (bytes === Number.POSITIVE_INFINITY) return rows
  let tally = before
  const last = rows.findIndex((row) => {
    tally = add(tally, [row])
    return freed(tally) >= bytes
  })
  return last === -1 ? rows : rows.slice(0, last + 1)
}

/** What is to live with a DAG: below a CID that carries its block, what that names. */
function toRoots(cid: CID): readonly MarkRoot[] {
  const inner = inlineBlock(cid)
  const roots = inner === undefined ? [cid] : carriedLinks(cid, inner)
  return roots.map(({ code, multihash }) => ({
    multihash: multihash.bytes,
    codec: code,
    direct: false,
  }))
}

function carriedLinks(cid: CID, inner: Uint8Array): readonly CID[] {
  if (inner.byteLength > limits.maxIdentityBytes) return []
  try {
    return linksOf(cid, inner)
  } catch {
    return []
  }
}
