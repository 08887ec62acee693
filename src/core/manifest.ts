import { createHash } from 'node:crypto'

/** One line of a folder's manifest: a file with the SHA-256 (hex) of its bytes, or an empty folder. */
export type ManifestLine = { readonly path: string; readonly sha256: string }

const SHA256_OF_NOTHING = createHash('sha256').digest('hex')

/** The line of a folder that has nothing in it: its path ends with a slash. */
export function emptyFolderLine(path: string): ManifestLine {
  return { path: `${path}/`, sha256: SHA256_OF_NOTHING }
}

/**
 * The SHA-256 (hex) of a folder: of the lines `<sha256 of the file>  <path>\0`, sorted by the bytes
 * of the path, as coreutils write them: `find * -type f -print0 | LC_ALL=C sort -z | xargs -0
 * sha256sum -z | sha256sum`. Folders count only when they are empty.
 */
export function manifestSha256(lines: readonly ManifestLine[]): string {
  const sorted = lines
    .map(({ path, sha256 }) => ({ bytes: Buffer.from(path), sha256 }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
  const hash = createHash('sha256')
  for (const { bytes, sha256 } of sorted) hash.update(`${sha256}  `).update(bytes).update('\0')
  return hash.digest('hex')
}
