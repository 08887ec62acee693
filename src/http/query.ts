import type { z } from 'zod'
import { readQuery } from '../api/schemas.ts'
import { PrsmError } from '../core/errors.ts'

/** The query of a request as `schema` has it. Throws INVALID_INPUT with all its faults. */
export function parseQuery<T>(schema: z.ZodType<T>, query: unknown): T {
  return parsed(schema, query, 'query')
}

/** The JSON body of a request as `schema` has it. Throws INVALID_INPUT with all its faults. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  return parsed(schema, body, 'body')
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, what: 'query' | 'body'): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => [...issue.path, issue.message].join(': '))
  throw new PrsmError('INVALID_INPUT', `the ${what} is not valid: ${faults.join('; ')}`, {
    details: { faults },
    cause: parsed.error,
  })
}

/** True when a reading request says that no peer is to be asked. Throws INVALID_INPUT for another query. */
export function isOffline(query: unknown): boolean {
  return parseQuery(readQuery, query).offline === 'true'
}
