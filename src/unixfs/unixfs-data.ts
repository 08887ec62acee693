import type { CID } from 'multiformats/cid'
import { BYTES, ProtobufReader, VARINT } from './protobuf.ts'

/** The `DataType` of the UnixFS spec. */
export const UnixFsType = {
  raw: 0,
  directory: 1,
  file: 2,
  metadata: 3,
  symlink: 4,
  shard: 5,
} as const

/** The `Data` message of a UnixFS node (specs.ipfs.tech/unixfs, dag-pb node), less mode and time. */
export type UnixFsData = {
  readonly type: number
  readonly data: Uint8Array
  readonly fileBytes: number | undefined
  readonly blockSizes: readonly number[]
  readonly hashType: number | undefined
  readonly fanout: number | undefined
}

type Fields = { -readonly [K in keyof UnixFsData]: UnixFsData[K] } & { blockSizes: number[] }

const EMPTY = new Uint8Array(0)

/**
 * Decodes it; ours because ipfs-unixfs's class keeps neither the declared file size nor the hash
 * type, and both are what a lying DAG lies about. Throws DAG_INVALID.
 */
export function decodeUnixFsData(cid: CID, bytes: Uint8Array): UnixFsData {
  const reader = new ProtobufReader(cid, bytes)
  const fields: Fields = {
    type: -1,
    data: EMPTY,
    fileBytes: undefined,
    blockSizes: [],
    hashType: undefined,
    fanout: undefined,
  }
  while (reader.more) readField(reader, fields)
  if (fields.type < 0) throw reader.fault('has no UnixFS type')
  return fields
}

function readField(reader: ProtobufReader, fields: Fields): void {
  const tag = reader.varint()
  const wireType = tag % 8
  const field = Math.floor(tag / 8)
  const numberField = NUMBER_FIELDS[field]
  if (field === 2 && wireType === BYTES) fields.data = take(reader)
  else if (field === 4 && wireType === VARINT) fields.blockSizes.push(reader.varint())
  else if (field === 4 && wireType === BYTES) readPacked(reader, fields.blockSizes)
  else if (field === 2 || field === 4)
    throw reader.fault(`has UnixFS field ${field} of another type`)
  else if (numberField === undefined) reader.skip(wireType)
  else fields[numberField] = readNumber(reader, wireType)
}

/** The fields with one number each. */
const NUMBER_FIELDS: Readonly<Record<number, 'type' | 'fileBytes' | 'hashType' | 'fanout'>> = {
  1: 'type',
  3: 'fileBytes',
  5: 'hashType',
  6: 'fanout',
}

function readNumber(reader: ProtobufReader, wireType: number): number {
  if (wireType === VARINT) return reader.varint()
  throw reader.fault('has a UnixFS number of another type')
}

function take(reader: ProtobufReader): Uint8Array {
  const { start, end } = reader.span()
  return reader.bytes.subarray(start, end)
}

/** Repeated numbers come one by one, or packed in one field, as some writers do. */
function readPacked(reader: ProtobufReader, into: number[]): void {
  const packed = reader.within(reader.span())
  while (packed.more) into.push(packed.varint())
}
