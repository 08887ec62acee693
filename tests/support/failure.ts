import { PrsmError } from '../../src/core/errors.ts'

/** What `work` rejects with, which must be one of ours. */
export async function failureOf(work: Promise<unknown>): Promise<PrsmError> {
  try {
    await work
  } catch (error) {
    if (error instanceof PrsmError) return error
    throw new Error(`it failed with an error that is not ours: ${error}`, { cause: error })
  }
  throw new Error('it did not fail')
}

/** The code `work` rejects with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await failureOf(work)).code
}
