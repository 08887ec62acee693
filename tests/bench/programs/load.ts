/** How hard and for how long something is asked. */
export type Load = {
  readonly connections: number
  readonly forMs: number
  /** Questions after which no more are asked. Default: what the time allows. */
  readonly atMost?: number
}

export type Loaded = {
  readonly count: number
  readonly ms: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Asks, `connections` at once, each again and again for `forMs`; the last answers are waited for. */
export async function load(
  { connections, forMs, atMost = Number.POSITIVE_INFINITY }: Load,
  ask: (connection: number) => Promise<void>,
): Promise<Loaded> {
  const took: number[] = []
  const begun = performance.now()
  const askOnAndOn = async (_: unknown, connection: number): Promise<void> => {
    while (performance.now() - begun < forMs && took.length < atMost) {
      const at = performance.now()
      await ask(connection)
      took.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: connections }, askOnAndOn))
  const ms = performance.now() - begun
  took.sort((a, b) => a - b)
  const within = (share: number): number => took[Math.floor(took.length * share)] ?? 0
  return { count: took.length, ms, p50Ms: within(0.5), p99Ms: within(0.99) }
}
