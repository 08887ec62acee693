import { resolve } from 'node:path'
import { contentStat } from '../api/schemas.ts'
import { parseCid, type Target, targetOf } from '../core/cid.ts'
import type { ContentStat, FolderEntry } from '../core/content.ts'
import { isPrsmError } from '../core/errors.ts'
import { metered, ProgressMeter } from '../core/progress-meter.ts'
import type {
  ContentId,
  DownloadToOptions,
  DownloadToResult,
  ReadOptions,
} from '../core/storage.ts'
import { saveFile, saveFolder } from '../files/save.ts'
import { unpackTar } from '../files/tar.ts'
import type { Api } from './api.ts'
import { brokenOff } from './api-error.ts'
import { contentPath, offlineQuery } from './content-path.ts'
import { pieces } from './download.ts'

export async function stat(
  api: Api,
  content: ContentId,
  { signal, offline }: ReadOptions = {},
): Promise<ContentStat> {
  const path = `/stat${contentPath(targetOf(content))}`
  return await api.json(contentStat, { method: 'GET', path, query: offlineQuery(offline), signal })
}

export type SaveOptions = DownloadToOptions & { readonly path: string }

/** A file or folder of the daemon's to a path here: there whole, or not at all. */
export async function downloadTo(
  api: Api,
  content: ContentId,
  options: SaveOptions,
): Promise<DownloadToResult> {
  const startedAt = performance.now()
  const { cid, kind } = await stat(api, content, options)
  const target = { root: parseCid(cid), path: [] }
  const save = kind === 'file' ? saveOneFile : saveWholeFolder
  const saved = await save(api, target, options)
  const path = resolve(options.path)
  return { cid, kind, path, ...saved, durationMs: performance.now() - startedAt }
}

async function saveOneFile(api: Api, target: Target, { path, ...options }: SaveOptions) {
  return { files: 1, bytes: await saveFile(path, pieces(api, target, options), options) }
}

async function saveWholeFolder(api: Api, target: Target, { path, ...options }: SaveOptions) {
  const { signal } = options
  const meter = new ProgressMeter(options.onProgress)
  const query = offlineQuery(options.offline)
  const request = { path: contentPath(target), query, signal, inLine: true }
  const { body } = await api.send({ method: 'GET', ...request })
  const entries = new Unpacked(body, meter, signal)
  try {
    const saved = await saveFolder(path, entries, options)
    meter.finish()
    return saved
  } catch (error) {
    if (signal?.aborted || !(entries.broke || isCutOff(error))) throw error
    await askWhy(api, { ...target, path: entries.lastPath }, options)
    throw brokenOff(api.url, error)
  }
}

function isCutOff(error: unknown): boolean {
  return isPrsmError(error) && error.code === 'UPLOAD_INCOMPLETE'
}

/** The entries of a folder on its way, and where it broke. */
class Unpacked implements AsyncIterable<FolderEntry> {
  broke = false
  lastPath: readonly string[] = []
  readonly #body: AsyncIterable<Uint8Array>
  readonly #meter: ProgressMeter
  readonly #signal: AbortSignal | undefined

  constructor(
    body: AsyncIterable<Uint8Array>,
    meter: ProgressMeter,
    signal: AbortSignal | undefined,
  ) {
    this.#body = body
    this.#meter = meter
    this.#signal = signal
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FolderEntry> {
    const options = this.#signal === undefined ? {} : { signal: this.#signal }
    for await (const entry of unpackTar(this.#watched(), options)) {
      this.lastPath = entry.path.split('/')
      yield entry.kind === 'file'
        ? { ...entry, content: metered(entry.content, this.#meter) }
        : entry
    }
  }

  async *#watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#body
    } catch (error) {
      this.broke = isPrsmError(error) && error.code === 'DAEMON_UNREACHABLE'
      throw error
    }
  }
}

/** A daemon that broke off a folder has no way to say why: asked for the file it stopped in, it has. */
async function askWhy(api: Api, target: Target, options: ReadOptions): Promise<void> {
  const { signal, offline } = options
  const { kind } = await api.json(contentStat, {
    method: 'GET',
    path: `/stat${contentPath(target)}`,
    query: offlineQuery(offline),
    signal,
  })
  if (kind === 'directory') return
  const reading = pieces(api, target, {
    ...(signal !== undefined && { signal }),
    ...(offline !== undefined && { offline }),
  })
  for await (const _piece of reading);
}
