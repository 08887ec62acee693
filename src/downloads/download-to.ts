import { resolve } from 'node:path'
import type { FolderEntry } from '../core/content.ts'
import { metered, ProgressMeter } from '../core/progress-meter.ts'
import type { ContentId, DownloadToOptions, DownloadToResult } from '../core/storage.ts'
import { saveFile, saveFolder } from '../files/save.ts'
import { walkFolder } from '../unixfs/directory.ts'
import { readFile } from '../unixfs/read.ts'
import { statNode } from '../unixfs/stat.ts'
import { type ContentParts, dagOptions, openSession, resolveContent } from './open-content.ts'

/** Saves a file or folder: written beside its place, synced, renamed. `path` must not exist. */
export async function downloadTo(
  parts: ContentParts,
  content: ContentId,
  options: DownloadToOptions & { readonly path: string },
): Promise<DownloadToResult> {
  await using blocks = openSession(parts, content, options)
  const dag = dagOptions(parts, options)
  const cid = await resolveContent(blocks, content, dag)
  const { kind, bytes } = await statNode(blocks, cid, dag)
  const meter = new ProgressMeter(options.onProgress, kind === 'file' ? bytes : undefined)
  const path = resolve(options.path)
  const saved =
    kind === 'file'
      ? await saveOne(path, metered(readFile(blocks, cid, dag), meter), { ...options, meter })
      : await saveFolder(
          path,
          finished(meteredEntries(walkFolder(blocks, cid, dag), meter), meter),
          options,
        )
  return { cid: cid.toString(), kind, path, ...saved, durationMs: meter.elapsedMs }
}

async function saveOne(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  { meter, ...options }: DownloadToOptions & { readonly meter: ProgressMeter },
) {
  return { files: 1, bytes: await saveFile(path, finished(chunks, meter), options) }
}

/** The listener hears of the end before the content has its name: one that throws leaves nothing. */
async function* finished<T>(items: AsyncIterable<T>, meter: ProgressMeter): AsyncGenerator<T> {
  yield* items
  meter.finish()
}

async function* meteredEntries(
  entries: AsyncIterable<FolderEntry>,
  meter: ProgressMeter,
): AsyncGenerator<FolderEntry> {
  for await (const entry of entries) {
    yield entry.kind === 'file' ? { ...entry, content: metered(entry.content, meter) } : entry
  }
}
