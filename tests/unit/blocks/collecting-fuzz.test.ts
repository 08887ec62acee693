import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BlockStore } from '../../../src/blocks/block-store.ts'
import { openStore, temporaryFolder } from '../../support/block-store.ts'
import { type Block, leaf, markRoot, parent, putAll } from './dags.ts'

const LEAVES = Array.from({ length: 12 }, (_, seed) => leaf(seed, seed % 3 === 0 ? 66_000 : 300))

/** A DAG over some of the leaves, in two levels: many share what they name. */
function dag(picks: readonly number[]): Block[] {
  const children = picks.map((pick) => LEAVES[pick % LEAVES.length] ?? leaf(0))
  const middle = [parent(...children.slice(0, 2)), parent(...children.slice(2))]
  return [...children, ...middle, parent(...middle)]
}

/** Few different DAGs, so that they meet. */
const picks = fc.constantFrom<number[]>([0, 1, 2], [0, 3], [4, 1, 2, 5], [6, 7, 8], [9, 1])
/** Milliseconds an operation waits at each of its steps, and before the next one begins. */
const pause = fc.constantFrom(0, 0, 1, 15)
const after = fc.constantFrom(0, 0, 3, 40)
const kind = fc.constantFrom('upload', 'upload', 'pin', 'unroot', 'unroot', 'collect', 'put')
const step = fc.record({ kind, picks, pause, after })
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** A store with roots as the book would have them: written and taken away in one step. */
class Model {
  readonly roots = new Map<string, Block[]>()
  readonly #store: BlockStore
  #collecting: Promise<unknown> = Promise.resolve()

  constructor(store: BlockStore) {
    this.#store = store
  }

  async run({ kind, picks: names, pause }: Step): Promise<void> {
    const blocks = dag(names)
    const root = blocks.at(-1)
    if (root === undefined) return
    const key = root.cid.toString()
    if (kind === 'unroot') this.roots.delete(key)
    if (kind === 'collect') {
      this.#collecting = this.#collecting.then(() => this.#collect())
      await this.#collecting
    }
    if (kind === 'put') await this.#put(blocks.slice(-1))
    if (kind === 'upload') {
      await using lease = this.#store.lease()
      for (const { cid, bytes } of blocks) {
        await lease.put(cid, bytes)
        await delay(pause)
      }
      await lease.sync()
      await delay(4 * pause)
      this.roots.set(key, blocks)
    }
    if (kind === 'pin') await this.#pin(root, blocks, pause)
  }

  async #put(blocks: readonly Block[]): Promise<void> {
    await using lease = this.#store.lease()
    await putAll(lease, blocks)
  }

  /** As the flow does: hold, wait, fetch what is missing, write. */
  async #pin(root: Block, blocks: Block[], pause: number): Promise<void> {
    await using lease = this.#store.lease()
    using hold = this.#store.hold(root.cid)
    await hold.settled()
    const walk = this.#store.walk(root.cid, { lease })
    for (;;) {
      const missing = await walk.missing(3)
      if (missing.length === 0) break
      const wanted = missing.map((cid) => blocks.find((block) => block.cid.equals(cid)))
      await putAll(
        lease,
        wanted.filter((block) => block !== undefined),
      )
      await delay(pause)
      walk.arrived(missing)
    }
    await delay(pause)
    this.roots.set(root.cid.toString(), blocks)
  }

  async #collect(): Promise<void> {
    await using collecting = await this.#store.collecting()
    const roots = [...this.roots.values()].flatMap((blocks) => blocks.slice(-1)).map(markRoot)
    collecting.mark(roots)
    await collecting.caughtUp()
    await collecting.sweep({})
  }

  /** Of what a root reaches nothing is missing, and all of it reads. */
  async check(): Promise<void> {
    for (const blocks of this.roots.values()) {
      for (const { cid, bytes } of blocks) {
        expect(Buffer.from(await this.#store.get(cid)).equals(Buffer.from(bytes))).toBe(true)
      }
    }
  }
}

const LAST: Step = { kind: 'collect', picks: [0], pause: 0, after: 0 }

test('uploads, pins, unpins and collections in any order and side by side: what is rooted is whole', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      await using folder = await temporaryFolder()
      await using opened = await openStore({ folder: folder.path })
      const model = new Model(opened.store)
      const running: Promise<void>[] = []
      for (const one of steps) {
        running.push(model.run(one))
        await delay(one.after)
      }
      await Promise.all(running)
      await model.check()
      await model.run(LAST)
      await model.check()
      const live = new Set([...model.roots.values()].flat().map(({ cid }) => cid.toString()))
      await model.run(LAST)
      expect(opened.store.totals().blocks).toBe(live.size)
    }),
    { numRuns: 12 },
  )
}, 120_000)
