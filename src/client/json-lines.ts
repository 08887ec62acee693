import type { z } from 'zod'
import { NDJSON, problem } from '../api/schemas.ts'
import type { Api, ApiRequest } from './api.ts'
import { fromProblem, notUnderstood } from './api-error.ts'

/** Characters of one line: a name of the longest length, all of it escaped, and much besides. */
const MAX_LINE = 64 * 1024

/** The lines of an answer, as they come, each as `schema` has it. Throws the error a line tells. */
export async function* jsonLines<T>(
  api: Api,
  schema: z.ZodType<T>,
  request: ApiRequest,
): AsyncGenerator<T> {
  const headers = { ...request.headers, accept: NDJSON }
  const { body } = await api.send({ ...request, headers })
  for await (const line of lines(api, body)) yield itemOf(api, schema, line)
}

function itemOf<T>(api: Api, schema: z.ZodType<T>, line: string): T {
  const value = parsed(api, line)
  const item = schema.safeParse(value)
  if (item.success) return item.data
  const told = problem.safeParse((value as { error?: unknown } | null)?.error)
  if (told.success) throw fromProblem(told.data)
  throw notUnderstood(api.url, 'a line of the answer has not the fields it should have', item.error)
}

function parsed(api: Api, line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw notUnderstood(api.url, 'a line of the answer is not JSON', error)
  }
}

async function* lines(api: Api, body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const found = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = found.pop() ?? ''
    if (rest.length > MAX_LINE) throw notUnderstood(api.url, 'a line of the answer is too long')
    yield* found
  }
  if (rest !== '') throw notUnderstood(api.url, 'the answer ends in the middle of a line')
}
