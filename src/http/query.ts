import type { z } from 'zod'
import { readQuery } from '../api/schemas.ts'
import { PrsmError } from '../core/errors.ts'

/** The query of a request as `schema` has it. Throws INVALID_INPUT with all its faults. */
export function parseQuery<T>(schema: z.ZodType<T>, query: unknown): T {
  const parsed = schema.safeParse(query)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => [...issue.path, issue.message].join(': '))
  throw new PrsmError('INVALID_INPUT', `the query is not valid: ${faults.join('; ')}`, {
    details: { faults },
    cause: parsed.error,
  })
}

/** True when a reading request says that no peer is to be asked. Throws INVALID_INPUT for another query. */
export function isOffline(query: unknown): boolean {
  return parseQuery(readQuery, query).offline === 'true'
}
