import type { CID } from 'multiformats/cid'
import { rawCid } from '../../support/block-store.ts'

const BYTES = 64

/** Small blocks that differ by their number alone: anybody can name them. */
export function numberedBlock(number: number): Uint8Array {
  const block = new Uint8Array(BYTES)
  new DataView(block.buffer).setFloat64(0, number)
  return block
}

export function numberedCid(number: number): CID {
  return rawCid(numberedBlock(number))
}
