import type { Target } from '../core/cid.ts'

/** A target as the path of a URL: `/CID/a%20b`, each name encoded by itself. */
export function contentPath({ root, path }: Target): string {
  const names = path.map((name) => encodeURIComponent(name.toWellFormed()))
  return `/${[root.toString(), ...names].join('/')}`
}
