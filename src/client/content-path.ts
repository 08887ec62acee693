import { parseTarget, type Target } from '../core/cid.ts'
import type { ContentId } from '../core/storage.ts'

/** Throws INVALID_CID, INVALID_INPUT. */
export function targetOf(content: ContentId | Target): Target {
  if (typeof content === 'string') return parseTarget(content)
  return 'root' in content ? content : { root: content, path: [] }
}

/** A target as the path of a URL: `/CID/a%20b`, each name encoded by itself. */
export function contentPath({ root, path }: Target): string {
  const names = path.map((name) => encodeURIComponent(name.toWellFormed()))
  return `/${[root.toString(), ...names].join('/')}`
}
