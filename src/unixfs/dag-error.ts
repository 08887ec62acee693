import type { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'

/** A block that is what its CID says and yet no UnixFS we can take at its word. */
export function dagInvalid(
  cid: CID,
  why: string,
  details: Record<string, unknown> = {},
): PrsmError {
  return new PrsmError('DAG_INVALID', `${cid}: ${why}`, {
    details: { cid: cid.toString(), ...details },
    hint: 'the content was made by a faulty or hostile program: there is nothing to repair here',
  })
}

/** A DAG that is well-formed and larger, deeper or wider than we follow. */
export function dagLimit(cid: CID, why: string, details: Record<string, unknown> = {}): PrsmError {
  return new PrsmError('DAG_LIMIT', `${cid}: ${why}`, {
    details: { cid: cid.toString(), ...details },
  })
}
