import { directoryEntry } from '../api/schemas.ts'
import { targetOf } from '../core/cid.ts'
import type { DirectoryEntry } from '../core/content.ts'
import type { ContentId, ReadOptions } from '../core/storage.ts'
import type { Api } from './api.ts'
import { contentPath, offlineQuery } from './content-path.ts'
import { jsonLines } from './json-lines.ts'

/** The entries of a directory, as they come. */
export async function* ls(
  api: Api,
  content: ContentId,
  { signal, offline }: ReadOptions = {},
): AsyncGenerator<DirectoryEntry> {
  const path = `/ls${contentPath(targetOf(content))}`
  const query = offlineQuery(offline)
  yield* jsonLines(api, directoryEntry, { method: 'GET', path, query, signal })
}
