import { createHash } from 'node:crypto'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { BlockStore } from '../../../src/blocks/block-store.ts'
import type { Collecting } from '../../../src/blocks/collecting.ts'
import type { Lease } from '../../../src/blocks/lease.ts'
import { DAG_PB } from '../../../src/core/cid.ts'
import type { MarkRoot } from '../../../src/db/marker.ts'
import type { Tally } from '../../../src/db/store-blocks.ts'
import { rawCid } from '../../support/block-store.ts'
import { noise } from '../../support/content.ts'

export type Block = { readonly cid: CID; readonly bytes: Uint8Array }

export function leaf(seed: number, bytes = 300): Block {
  const content = noise(bytes, seed)
  return { cid: rawCid(content), bytes: content }
}

export function parent(...children: readonly { readonly cid: CID }[]): Block {
  const links = children.map(({ cid }) => ({ Name: '', Hash: cid, Tsize: 1 }))
  const bytes = dagPb.encode({ Data: new Uint8Array(0), Links: links })
  const digest = createHash('sha256').update(bytes).digest()
  return { cid: CID.createV1(DAG_PB, Digest.create(0x12, digest)), bytes }
}

export async function putAll(lease: Lease, blocks: readonly Block[]): Promise<void> {
  for (const { cid, bytes } of blocks) await lease.put(cid, bytes)
  await lease.sync()
}

/** Stores blocks, and lets them go. */
export async function store(store: BlockStore, ...blocks: readonly Block[]): Promise<void> {
  await using lease = store.lease()
  await putAll(lease, blocks)
}

export function markRoot({ cid }: { readonly cid: CID }): MarkRoot {
  return { multihash: cid.multihash.bytes, codec: cid.code, direct: false }
}

export async function collectAll(
  blocks: BlockStore,
  roots: readonly { readonly cid: CID }[] = [],
  before: (collecting: Collecting) => Promise<void> | void = () => {},
): Promise<Tally> {
  await using collecting = await blocks.collecting()
  collecting.mark(roots.map(markRoot))
  await collecting.caughtUp()
  await before(collecting)
  return await collecting.sweep({})
}

export function stored(blocks: BlockStore, all: readonly Block[]): boolean[] {
  return all.map(({ cid }) => blocks.has(cid))
}
