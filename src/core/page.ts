import { PrsmError } from './errors.ts'
import { limits } from './limits.ts'

/** Rows a page is to have; `cursor` is the option that takes the `next` of the page before. Throws INVALID_INPUT. */
export function pageRows(limit: number | undefined, cursor: 'before' | 'after'): number {
  const rows = limit ?? limits.defaultPageRows
  if (Number.isInteger(rows) && rows >= 1 && rows <= limits.maxPageRows) return rows
  throw new PrsmError('INVALID_INPUT', `a page of ${rows} rows cannot be had`, {
    hint: `ask for 1 to ${limits.maxPageRows} and pass \`next\` on as \`${cursor}\``,
  })
}
