import { TAR } from '../api/schemas.ts'
import { formatTarget, type Target, targetOf } from '../core/cid.ts'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { ProgressMeter } from '../core/progress-meter.ts'
import type { ContentId, Download, DownloadOptions } from '../core/storage.ts'
import type { Answer, Api } from './api.ts'
import { brokenOff, notUnderstood } from './api-error.ts'
import { contentPath, offlineQuery } from './content-path.ts'

/**
 * Times a download is asked for again that broke off where it stopped before: without a byte more. As
 * long as bytes come it goes on, however often it breaks. Content never changes under its CID.
 */
const RESUMES = 3

/** A file of the daemon's. Nothing is asked before it is iterated; each iteration asks anew. */
export function download(api: Api, content: ContentId, options: DownloadOptions = {}): Download {
  return {
    [Symbol.asyncIterator]: () => pieces(api, content, options),
    bytes: ({ maxBytes = limits.collectBytes } = {}) =>
      collect(pieces(api, content, options), maxBytes),
  }
}

async function collect(content: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const held: Uint8Array[] = []
  let bytes = 0
  for await (const piece of content) {
    bytes += piece.length
    if (bytes > maxBytes) {
      throw new PrsmError('INVALID_INPUT', `the content has more than ${maxBytes} bytes`, {
        hint: 'iterate the download, or name a larger maxBytes',
        details: { maxBytes },
      })
    }
    held.push(piece)
  }
  return Buffer.concat(held)
}

/**
 * The bytes of a file. When the daemon breaks off, it is asked for the rest: it then goes on, or says
 * what is wrong. What was announced and did not come is an error, never a short file.
 */
export async function* pieces(
  api: Api,
  content: ContentId | Target,
  options: DownloadOptions = {},
): AsyncGenerator<Uint8Array> {
  const target = isTarget(content) ? content : targetOf(content)
  const part = checkedPart(options)
  const { signal, offline } = options
  let answer = await ask(api, target, { ...part, signal, offline }).catch((error: unknown) => {
    if (isAtTheEnd(error, part)) return undefined
    throw error
  })
  if (answer === undefined || part.length === 0) {
    answer?.discard()
    new ProgressMeter(options.onProgress, 0).finish()
    return
  }
  const total = lengthOf(api, answer)
  const meter = new ProgressMeter(options.onProgress, total)
  for (let resumes = 0; ; resumes += 1) {
    const before = meter.bytesDone
    const end = yield* arriving(answer, meter, signal)
    const left = total - meter.bytesDone
    if (left === 0) break
    if (meter.bytesDone > before) resumes = 0
    if (left < 0 || resumes === RESUMES) throw brokenOff(api.url, end.cause)
    answer = await ask(api, target, {
      offset: part.offset + meter.bytesDone,
      length: left,
      signal,
      offline,
    })
  }
  meter.finish()
}

function isTarget(content: ContentId | Target): content is Target {
  return Object.hasOwn(Object(content), 'root')
}

/** The pieces of one answer up to its end or to where it broke: then with the cause. */
async function* arriving(
  answer: Answer,
  meter: ProgressMeter,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, { readonly cause?: unknown }> {
  const items = answer.body[Symbol.asyncIterator]()
  try {
    while (true) {
      const next = await items.next()
      if (next.done) return {}
      yield next.value
      meter.add(next.value.length)
    }
  } catch (cause) {
    if (signal?.aborted || !isBroken(cause)) throw cause
    return { cause }
  } finally {
    await items.return?.()
  }
}

/** HTTP has no range of no bytes, and so none at the end of a file; a node has, and gives nothing. */
function isAtTheEnd(error: unknown, { offset }: Part): boolean {
  return isPrsmError(error) && error.code === 'INVALID_RANGE' && error.details['size'] === offset
}

function isBroken(error: unknown): boolean {
  return isPrsmError(error) && error.code === 'DAEMON_UNREACHABLE'
}

type Part = { readonly offset: number; readonly length?: number }

function checkedPart({ offset = 0, length }: DownloadOptions): Part {
  for (const value of [offset, length ?? 0]) {
    if (Number.isSafeInteger(value) && value >= 0) continue
    throw new PrsmError('INVALID_RANGE', `offset and length are counts of bytes, not ${value}`)
  }
  return length === undefined ? { offset } : { offset, length }
}

type Question = Part & {
  readonly signal: AbortSignal | undefined
  readonly offline: boolean | undefined
}

async function ask(
  api: Api,
  target: Target,
  { offset, length, signal, offline }: Question,
): Promise<Answer> {
  const range = rangeHeader({ offset, ...(length === undefined ? {} : { length }) })
  const headers = range === undefined ? {} : { range }
  const query = offlineQuery(offline)
  const path = contentPath(target)
  const answer = await api.send({ method: 'GET', path, query, headers, signal, inLine: true })
  if (answer.header('content-type') === TAR) {
    answer.discard()
    throw new PrsmError('NOT_A_FILE', `${formatTarget(target)} is a directory`, {
      hint: 'name a file in it (`prsm ls`), or save it whole (downloadTo, `prsm get`)',
    })
  }
  if (range === undefined || answer.header('content-range')?.startsWith(`bytes ${offset}-`)) {
    return answer
  }
  answer.discard()
  throw notUnderstood(api.url, 'it sent another part of the file than was asked for')
}

/** One range (RFC 9110, 14.1.2); none for a whole file. No bytes are asked for as one, to hear of errors. */
function rangeHeader({ offset, length }: Part): string | undefined {
  if (length === undefined) return offset === 0 ? undefined : `bytes=${offset}-`
  return `bytes=${offset}-${offset + Math.max(1, length) - 1}`
}

function lengthOf(api: Api, answer: Answer): number {
  const length = Number(answer.header('content-length') ?? Number.NaN)
  if (Number.isSafeInteger(length)) return length
  answer.discard()
  throw notUnderstood(api.url, 'it does not say how long the file is')
}
