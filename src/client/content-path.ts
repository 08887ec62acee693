import type { Target } from '../core/cid.ts'

/** A target as the path of a URL: `/CID/a%20b`, each name encoded by itself. */
export function contentPath({ root, path }: Target): string {
  const names = path.map((name) => encodeURIComponent(name.toWellFormed()))
  return `/${[root.toString(), ...names].join('/')}`
}

/** The query of a reading request that asks no peer. */
export function offlineQuery(offline: boolean | undefined): Readonly<Record<string, string>> {
  return offline === true ? { offline: 'true' } : {}
}
