import { type Load, type Loaded, load } from './load.ts'

export const RANGE_BYTES = 65_536

export type RangesAsked = Load & {
  readonly cid: string
  /** Bytes of the file. */
  readonly bytes: number
}

/** Reads ranges at random offsets. */
export function readRanges(
  asked: RangesAsked,
  read: (offset: number, length: number) => Promise<number>,
): Promise<Loaded> {
  return load(asked, async () => {
    const offset = randomOffset(asked.bytes)
    const got = await read(offset, RANGE_BYTES)
    if (got !== RANGE_BYTES) throw new Error(`${got} bytes at ${offset}, not ${RANGE_BYTES}`)
  })
}

/** Where a range of a file of so many bytes may begin. */
export function randomOffset(bytes: number): number {
  return Math.floor(Math.random() * (bytes - RANGE_BYTES))
}
