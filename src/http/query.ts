import type { z } from 'zod'
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
