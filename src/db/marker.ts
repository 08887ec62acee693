import { RAW } from '../core/cid.ts'
import type { Connection } from './connection.ts'
import { type StoredLink, unpackLinks } from './packed-links.ts'
import { SharedIds } from './shared-ids.ts'
import { statement } from './statement.ts'

/** What is to live: a block, and unless `direct` all below it as its codec reads it. */
export type MarkRoot = {
  readonly multihash: Uint8Array
  readonly codec: number
  readonly direct: boolean
  /** It was looked at before its links were known. */
  readonly again?: boolean
}

/** A stored block that is read with a codec under which it was never put: its links are not known. */
export type Unlinked = { readonly multihash: Uint8Array; readonly codec: number }

const findBlock = statement<[Uint8Array], { id: number; place: number }>(
  'SELECT id, place FROM block WHERE multihash = ?',
)
const describe = statement<[number], { multihash: Uint8Array; place: number }>(
  'SELECT multihash, place FROM block WHERE id = ?',
)
const findLinks = statement<[number, number], { children: Uint8Array }>(
  'SELECT children FROM links WHERE parent = ? AND codec = ?',
)

/** Marks what lives below roots, by the links in the index: no block is read. Rows beyond the bound of `live` are young, and not looked at. */
export class Marker {
  readonly #db: Connection
  readonly #live: SharedIds
  /** By codec: the same block may be read with several. */
  readonly #seen = new Map<number, SharedIds>()
  readonly #waiting: StoredLink[] = []
  #unlinked: Unlinked[] = []

  constructor(db: Connection, live: SharedArrayBuffer) {
    this.#db = db
    this.#live = new SharedIds(live)
  }

  add({ multihash, codec, direct, again = false }: MarkRoot): void {
    const row = findBlock.get(this.#db, multihash)
    if (row === undefined) return
    if (direct) this.#live.add(row.id)
    else if (again) this.#waiting.push({ child: row.id, codec })
    else this.#reach({ child: row.id, codec })
  }

  /** Goes on until there is nothing left (true) or it is `until` (of `performance.now()`). */
  step(until: number): boolean {
    for (let link = this.#waiting.pop(); link !== undefined; link = this.#waiting.pop()) {
      this.#expand(link)
      if (performance.now() > until) return this.#waiting.length === 0
    }
    return true
  }

  /** Blocks below which nothing was marked, since the last call. */
  takeUnlinked(): readonly Unlinked[] {
    return this.#unlinked.splice(0)
  }

  #reach(link: StoredLink): void {
    this.#live.add(link.child)
    if (link.codec !== RAW && this.#isFirst(link)) this.#waiting.push(link)
  }

  #isFirst({ child, codec }: StoredLink): boolean {
    const known = this.#seen.get(codec)
    const seen = known ?? new SharedIds(new SharedArrayBuffer(this.#live.buffer.byteLength))
    if (known === undefined) this.#seen.set(codec, seen)
    return seen.add(child)
  }

  #expand({ child, codec }: StoredLink): void {
    const links = findLinks.get(this.#db, child, codec)
    if (links === undefined) this.#noteUnlinked(child, codec)
    else for (const below of unpackLinks(links.children)) this.#reach(below)
  }

  #noteUnlinked(id: number, codec: number): void {
    const row = describe.get(this.#db, id)
    if (row !== undefined && row.place !== 0)
      this.#unlinked.push({ multihash: row.multihash, codec })
  }
}
