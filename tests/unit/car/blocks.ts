import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { DAG_PB, RAW } from '../../../src/core/cid.ts'
import { putBlock } from '../unixfs/hand-made.ts'
import type { MemoryBlocks } from '../unixfs/memory-blocks.ts'

export function putCbor(blocks: MemoryBlocks, value: unknown): Promise<CID> {
  return putBlock(blocks, dagCbor.encode(value), { codec: 0x71 })
}

export function putJson(blocks: MemoryBlocks, value: unknown): Promise<CID> {
  return putBlock(blocks, dagJson.encode(value), { codec: 0x0129 })
}

/** A CID that carries its block. */
export function inlineCid(bytes: Uint8Array, codec: number = RAW): CID {
  const digest = identity.digest(bytes)
  if (digest instanceof Promise) throw new Error('the identity needs no time')
  return CID.createV1(codec, digest)
}

/** An identity CID that carries a dag-pb block. */
export function inlinePb(pb: Uint8Array): CID {
  return inlineCid(pb, DAG_PB)
}
