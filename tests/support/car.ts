import { CarWriter } from '@ipld/car'
import { varint } from 'multiformats'
import type { CID } from 'multiformats/cid'
import { collected } from './content.ts'

export type Entry = { readonly cid: CID; readonly bytes: Uint8Array }

/** A CARv1, as the reference library writes it. */
export async function carOf(roots: readonly CID[], entries: readonly Entry[]): Promise<Uint8Array> {
  const { writer, out } = CarWriter.create([...roots])
  const bytes = collected(out)
  for (const entry of entries) await writer.put(entry)
  await writer.close()
  return bytes
}

export type V2 = {
  /** Zeros between the header and the data, and bytes that follow it. */
  readonly padding?: number
  readonly index?: Uint8Array
  /** What the header says instead of the truth. */
  readonly dataOffset?: bigint
  readonly dataSize?: bigint
}

/** A CARv2 around a CARv1 (ipld.io/specs/transport/car/carv2). */
export function carV2(v1: Uint8Array, v2: V2 = {}): Uint8Array {
  const { padding = 0, index = new Uint8Array(0) } = v2
  const header = Buffer.alloc(40)
  header.writeBigUInt64LE(v2.dataOffset ?? BigInt(51 + padding), 16)
  header.writeBigUInt64LE(v2.dataSize ?? BigInt(v1.byteLength), 24)
  header.writeBigUInt64LE(BigInt(index.byteLength === 0 ? 0 : 51 + padding + v1.byteLength), 32)
  const pragma = Buffer.from('0aa16776657273696f6e02', 'hex')
  return Buffer.concat([pragma, header, new Uint8Array(padding), v1, index])
}

/** A section with any length and any bytes. */
export function section(length: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const prefix = new Uint8Array(varint.encodingLength(length))
  varint.encodeTo(length, prefix)
  return Buffer.concat([prefix, ...parts])
}
