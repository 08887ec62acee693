export const RANGE_BYTES = 65_536

export type RangesAsked = {
  readonly cid: string
  /** Bytes of the file. */
  readonly bytes: number
  readonly connections: number
  readonly forMs: number
}

export type RangesRead = { readonly count: number; readonly ms: number; readonly p99Ms: number }

/** Reads ranges at random offsets, `connections` at once, for `forMs`; the last ones are waited for. */
export async function readRanges(
  asked: RangesAsked,
  read: (offset: number, length: number) => Promise<number>,
): Promise<RangesRead> {
  const took: number[] = []
  const begun = performance.now()
  const readOnAndOn = async (): Promise<void> => {
    while (performance.now() - begun < asked.forMs) {
      const offset = Math.floor(Math.random() * (asked.bytes - RANGE_BYTES))
      const at = performance.now()
      const got = await read(offset, RANGE_BYTES)
      if (got !== RANGE_BYTES) throw new Error(`${got} bytes at ${offset}, not ${RANGE_BYTES}`)
      took.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: asked.connections }, readOnAndOn))
  const ms = performance.now() - begun
  took.sort((a, b) => a - b)
  return { count: took.length, ms, p99Ms: took[Math.floor(took.length * 0.99)] ?? 0 }
}
