/** How hard and for how long something is asked. */
export type Load = { readonly connections: number; readonly forMs: number }

export type Loaded = { readonly count: number; readonly ms: number; readonly p99Ms: number }

/** Asks, `connections` at once, each again and again for `forMs`; the last answers are waited for. */
export async function load(
  { connections, forMs }: Load,
  ask: (connection: number) => Promise<void>,
): Promise<Loaded> {
  const took: number[] = []
  const begun = performance.now()
  const askOnAndOn = async (_: unknown, connection: number): Promise<void> => {
    while (performance.now() - begun < forMs) {
      const at = performance.now()
      await ask(connection)
      took.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: connections }, askOnAndOn))
  const ms = performance.now() - begun
  took.sort((a, b) => a - b)
  return { count: took.length, ms, p99Ms: took[Math.floor(took.length * 0.99)] ?? 0 }
}
