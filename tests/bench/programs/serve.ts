/** What a program can be asked for: parameters and results are JSON. */
export type Methods = Readonly<Record<string, (params: never) => Promise<unknown>>>

export type Answer = { readonly result: unknown } | { readonly error: string }

type Question = { readonly method: string; readonly params: unknown }

/** Answers the process that forked this one, one question after the other, and ends with it. */
export function serve(methods: Methods): void {
  process.on('message', async (question: Question) => {
    process.send?.(await answer(methods, question))
  })
  process.on('disconnect', () => process.exit(1))
  process.send?.({ result: 'ready' } satisfies Answer)
}

async function answer(methods: Methods, { method, params }: Question): Promise<Answer> {
  try {
    const run = methods[method]
    if (run === undefined) throw new Error(`there is no ${method}`)
    // `Program.call` checked the parameters when it was compiled.
    return { result: await run(params as never) }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
