/** What a run tells of one operation: that it begins, then that it succeeded or failed. */
export type Begin =
  | { readonly type: 'upload'; readonly filename: string; readonly pinned: boolean }
  | { readonly type: 'import'; readonly content: string }
  | { readonly type: 'pin' | 'unpin'; readonly cid: string }
  | { readonly type: 'collect' }

export type RunRecord = { readonly id: string } & (
  | { readonly begin: Begin }
  | { readonly acknowledged: string }
  | { readonly failed: string }
)

/** Whether it keeps what it is about, once it has succeeded. */
export function keeps(begin: Begin): boolean {
  return begin.type === 'upload' ? begin.pinned : begin.type === 'pin' || begin.type === 'import'
}

/** What must be found after a run, and what may be. */
export type Expected = {
  /** Acknowledged uploads: CID by file name. */
  readonly uploads: ReadonlyMap<string, string>
  /** File names of all uploads that were begun. */
  readonly begun: ReadonlySet<string>
  /** CIDs that are kept for certain: uploaded or pinned, and nothing was begun since that lets them go. */
  readonly kept: ReadonlySet<string>
  /** CIDs that were let go, acknowledged, and nothing was begun since that keeps them. */
  readonly released: ReadonlySet<string>
  /** Acknowledged archives: CID of the root by the archive's name. */
  readonly imports: ReadonlyMap<string, string>
}

type Draft = {
  readonly uploads: Map<string, string>
  readonly begun: Set<string>
  readonly kept: Set<string>
  readonly released: Set<string>
  readonly imports: Map<string, string>
}

export function expectedFrom(records: readonly RunRecord[]): Expected {
  const draft: Draft = {
    uploads: new Map(),
    begun: new Set(),
    kept: new Set(),
    released: new Set(),
    imports: new Map(),
  }
  const begins = new Map<string, Begin>()
  for (const record of records) {
    if ('begin' in record) {
      begins.set(record.id, record.begin)
      began(draft, record.begin)
    } else if ('acknowledged' in record) {
      const begin = begins.get(record.id)
      if (begin !== undefined) succeeded(draft, begin, record.acknowledged)
    }
  }
  return draft
}

/** What was begun and has neither succeeded nor failed. */
export function unfinished(records: readonly RunRecord[]): readonly Begin[] {
  const ended = new Set(records.filter((record) => !('begin' in record)).map(({ id }) => id))
  return records.flatMap((record) =>
    'begin' in record && !ended.has(record.id) ? record.begin : [],
  )
}

function began(draft: Draft, begin: Begin): void {
  if (begin.type === 'upload') draft.begun.add(begin.filename)
  if (begin.type === 'unpin') draft.kept.delete(begin.cid)
  // Which content an upload has is known by its CID only when it ends: until then nothing is let go.
  if (begin.type === 'upload' || begin.type === 'import') draft.released.clear()
  if (begin.type === 'pin') draft.released.delete(begin.cid)
}

function succeeded(draft: Draft, begin: Begin, cid: string): void {
  if (begin.type === 'upload') draft.uploads.set(begin.filename, cid)
  if (begin.type === 'import') draft.imports.set(begin.content, cid)
  if (begin.type === 'unpin') draft.released.add(cid)
  if (keeps(begin)) draft.kept.add(cid)
}
