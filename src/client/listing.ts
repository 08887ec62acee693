import { directoryEntry, NDJSON, problem } from '../api/schemas.ts'
import { targetOf } from '../core/cid.ts'
import type { DirectoryEntry } from '../core/content.ts'
import type { ContentId, ReadOptions } from '../core/storage.ts'
import type { Api } from './api.ts'
import { fromProblem, notUnderstood } from './api-error.ts'
import { contentPath, offlineQuery } from './content-path.ts'

/** Characters of one line of a listing: a name of the longest length, all of it escaped, and much besides. */
const MAX_LINE = 64 * 1024

/** The entries of a directory, as they come. */
export async function* ls(
  api: Api,
  content: ContentId,
  { signal, offline }: ReadOptions = {},
): AsyncGenerator<DirectoryEntry> {
  const path = `/ls${contentPath(targetOf(content))}`
  const { body } = await api.send({
    method: 'GET',
    path,
    query: offlineQuery(offline),
    headers: { accept: NDJSON },
    signal,
  })
  for await (const line of lines(api, body)) yield entryOf(api, line)
}

function entryOf(api: Api, line: string): DirectoryEntry {
  const value = parsed(api, line)
  const entry = directoryEntry.safeParse(value)
  if (entry.success) return entry.data
  const told = problem.safeParse((value as { error?: unknown } | null)?.error)
  if (told.success) throw fromProblem(told.data)
  throw notUnderstood(api.url, 'a line of the listing is no entry', entry.error)
}

function parsed(api: Api, line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw notUnderstood(api.url, 'a line of the listing is not JSON', error)
  }
}

async function* lines(api: Api, body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const found = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = found.pop() ?? ''
    if (rest.length > MAX_LINE) throw notUnderstood(api.url, 'a line of the listing is too long')
    yield* found
  }
  if (rest !== '') throw notUnderstood(api.url, 'the listing ends in the middle of a line')
}
