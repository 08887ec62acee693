import { parseCid, pathNames, type Target } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'

/**
 * The target of a URL whose path has the CID in segment `at` (`/api/v1/ipfs/CID/a` has it in 4). Taken
 * from the URL as it came: each segment is percent-decoded once, by itself. Throws INVALID_CID, and
 * INVALID_INPUT for `.` and `..` in any writing and for a slash inside a segment.
 */
export function targetOfUrl(url: string, at: number): Target {
  const [path = ''] = url.split(/[?#]/, 1)
  const [cid = '', ...names] = path.split('/').slice(at).map(decoded)
  return { root: parseCid(cid), path: pathNames(names) }
}

function decoded(segment: string): string {
  const name = decodedOrUndefined(segment)
  if (name !== undefined && !name.includes('/')) return name
  throw new PrsmError('INVALID_INPUT', `${JSON.stringify(segment)} is no name in a path`, {
    hint: 'percent-encode the names of a path one by one, as encodeURIComponent does',
  })
}

function decodedOrUndefined(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
