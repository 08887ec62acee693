/** What is told of an operation: how far it is, and at last what came of it. */
export type Told<Progress, Result> = { readonly progress: Progress } | { readonly result: Result }

/**
 * Runs an operation that tells its progress, as an iteration. Of what was told while nobody took it the
 * last is given. Throws what the operation failed with. Who stops early waits for the operation to
 * end, and has to end it.
 */
export async function* told<Progress, Result>(
  run: (onProgress: (progress: Progress) => void) => Promise<Result>,
): AsyncGenerator<Told<Progress, Result>> {
  let latest: Progress | undefined
  let news = Promise.withResolvers<void>()
  const running = run((progress) => {
    latest = progress
    news.resolve()
  })
  const ended = running.then(
    () => true,
    () => true,
  )
  try {
    for (;;) {
      const isOver = await Promise.race([ended, news.promise])
      if (isOver) break
      news = Promise.withResolvers()
      if (latest !== undefined) yield { progress: latest }
    }
    yield { result: await running }
  } finally {
    await ended
  }
}
