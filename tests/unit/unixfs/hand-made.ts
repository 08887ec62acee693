import { hash } from 'node:crypto'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { DAG_PB, RAW } from '../../../src/core/cid.ts'
import type { MemoryBlocks } from './memory-blocks.ts'

/** A UnixFS `Data` message to write, true or not; each field as often as it is given. */
export type Message = {
  readonly type?: number
  readonly data?: Uint8Array
  readonly fileBytes?: number | bigint
  readonly blockSizes?: readonly (number | bigint)[]
  readonly hashType?: number
  readonly fanout?: number
  /** Appended as it is. */
  readonly tail?: Uint8Array
}

export const TYPE = { raw: 0, directory: 1, file: 2, metadata: 3, symlink: 4, shard: 5 } as const

export function varint(value: number | bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return [...bytes, Number(rest)]
}

export function unixfsData(message: Message): Uint8Array {
  const {
    type,
    data,
    fileBytes,
    blockSizes = [],
    hashType,
    fanout,
    tail = new Uint8Array(0),
  } = message
  return Buffer.concat([
    Uint8Array.from(type === undefined ? [] : [0x08, ...varint(type)]),
    Uint8Array.from(data === undefined ? [] : [0x12, ...varint(data.byteLength)]),
    data ?? new Uint8Array(0),
    Uint8Array.from([
      ...(fileBytes === undefined ? [] : [0x18, ...varint(fileBytes)]),
      ...blockSizes.flatMap((size) => [0x20, ...varint(size)]),
      ...(hashType === undefined ? [] : [0x28, ...varint(hashType)]),
      ...(fanout === undefined ? [] : [0x30, ...varint(fanout)]),
    ]),
    tail,
  ])
}

export type HandMadeLink = { readonly name?: string; readonly cid: CID; readonly dagBytes?: number }

/** Stores a block of any bytes and gives its CID. */
export async function putBlock(
  blocks: MemoryBlocks,
  bytes: Uint8Array,
  { codec = DAG_PB, version = 1 }: { readonly codec?: number; readonly version?: 0 | 1 } = {},
): Promise<CID> {
  const cid = CID.create(version, codec, createDigest(0x12, hash('sha256', bytes, 'buffer')))
  await blocks.put(cid, bytes)
  return cid
}

export function putRaw(blocks: MemoryBlocks, bytes: Uint8Array): Promise<CID> {
  return putBlock(blocks, bytes, { codec: RAW })
}

export async function putNode(
  blocks: MemoryBlocks,
  message: Message,
  links: readonly HandMadeLink[] = [],
): Promise<CID> {
  const block = dagPb.encode({
    Data: unixfsData(message),
    Links: links.map(({ name = '', cid, dagBytes = 0 }) => ({
      Name: name,
      Hash: cid,
      Tsize: dagBytes,
    })),
  })
  return await putBlock(blocks, block)
}

/** A file node over children of the sizes given; all true unless `lies` say otherwise. */
export async function putFile(
  blocks: MemoryBlocks,
  children: readonly { readonly cid: CID; readonly bytes: number }[],
  lies: Message = {},
): Promise<CID> {
  const blockSizes = children.map(({ bytes }) => bytes)
  const fileBytes = blockSizes.reduce((sum, size) => sum + size, lies.data?.byteLength ?? 0)
  return await putNode(blocks, { type: TYPE.file, fileBytes, blockSizes, ...lies }, children)
}

export async function putFolder(
  blocks: MemoryBlocks,
  links: readonly HandMadeLink[],
): Promise<CID> {
  return await putNode(blocks, { type: TYPE.directory }, links)
}
