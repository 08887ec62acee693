import { resolve } from 'node:path'
import type { FolderEntry } from '../core/content.ts'
import { ProgressMeter } from '../core/progress-meter.ts'
import type { ContentId, DownloadToOptions, DownloadToResult } from '../core/storage.ts'
import { saveFile, saveFolder } from '../files/save.ts'
import { walkFolder } from '../unixfs/directory.ts'
import { readFile } from '../unixfs/read.ts'
import { statNode } from '../unixfs/stat.ts'
import { type ContentParts, dagOptions, resolveContent } from './open-content.ts'

/** Saves a file or folder: written beside its place, synced, renamed. `path` must not exist. */
export async function downloadTo(
  parts: ContentParts,
  content: ContentId,
  options: DownloadToOptions & { readonly path: string },
): Promise<DownloadToResult> {
  const cid = await resolveContent(parts, content, options)
  const dag = dagOptions(parts, options)
  const { kind, bytes } = await statNode(parts.blocks, cid, dag)
  const meter = new ProgressMeter(options.onProgress, kind === 'file' ? bytes : undefined)
  const saved =
    kind === 'file'
      ? {
          files: 1,
          bytes: await saveFile(
            options.path,
            metered(readFile(parts.blocks, cid, dag), meter),
            options,
          ),
        }
      : await saveFolder(
          options.path,
          meteredEntries(walkFolder(parts.blocks, cid, dag), meter),
          options,
        )
  meter.finish()
  const path = resolve(options.path)
  return { cid: cid.toString(), kind, path, ...saved, durationMs: meter.elapsedMs }
}

async function* metered(
  chunks: AsyncIterable<Uint8Array>,
  meter: ProgressMeter,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    meter.add(chunk.byteLength)
    yield chunk
  }
}

async function* meteredEntries(
  entries: AsyncIterable<FolderEntry>,
  meter: ProgressMeter,
): AsyncGenerator<FolderEntry> {
  for await (const entry of entries) {
    yield entry.kind === 'file' ? { ...entry, content: metered(entry.content, meter) } : entry
  }
}
