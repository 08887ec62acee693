import {
  collectionResult,
  pinCheck,
  pinLine,
  pinPage,
  pin as pinRecord,
  repoStat as repoStatShape,
} from '../api/schemas.ts'
import { bareCid, formatTarget, targetOf } from '../core/cid.ts'
import type { RepoStat } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import type {
  CollectionResult,
  CollectOptions,
  Pin,
  PinCheck,
  PinDetails,
  PinFilter,
  PinOptions,
  PinPage,
  PinPageOptions,
  PinProgress,
  PinResult,
  PinUpdateOptions,
  VerifyPinsOptions,
} from '../core/pins.ts'
import type { ContentId, SignalOptions } from '../core/storage.ts'
import type { Api } from './api.ts'
import { notUnderstood } from './api-error.ts'
import { jsonBody } from './json-body.ts'
import { jsonLines } from './json-lines.ts'

export async function pin(
  api: Api,
  content: ContentId,
  options: PinOptions = {},
): Promise<PinResult> {
  const { signal, onProgress, ...how } = options
  const body = { cid: formatTarget(targetOf(content)), ...how, ...expiry(how) }
  return await followed(api, { path: '/pins', body, signal, onProgress })
}

export async function updatePin(
  api: Api,
  { from, to }: { readonly from: ContentId; readonly to: ContentId },
  options: PinUpdateOptions = {},
): Promise<PinResult> {
  const { signal, onProgress, ...how } = options
  const cids = { from: bareCid(from).toString(), to: formatTarget(targetOf(to)) }
  const body = { ...cids, ...how, ...expiry(how) }
  return await followed(api, { path: '/pins/update', body, signal, onProgress })
}

export async function unpin(
  api: Api,
  content: ContentId,
  { signal }: SignalOptions = {},
): Promise<Pin> {
  return await api.json(pinRecord, { method: 'DELETE', path: `/pins/${bareCid(content)}`, signal })
}

export async function* pins(api: Api, { signal, ...filter }: PinFilter = {}): AsyncGenerator<Pin> {
  yield* jsonLines(api, pinRecord, { method: 'GET', path: '/pins', query: texts(filter), signal })
}

export async function listPins(
  api: Api,
  { signal, ...options }: PinPageOptions = {},
): Promise<PinPage> {
  return await api.json(pinPage, { method: 'GET', path: '/pins', query: texts(options), signal })
}

export async function* verifyPins(
  api: Api,
  { signal, ...how }: VerifyPinsOptions = {},
): AsyncGenerator<PinCheck> {
  const path = '/pins/verify'
  yield* jsonLines(api, pinCheck, { method: 'POST', path, ...jsonBody(how), signal, patient: true })
}

export async function collect(
  api: Api,
  { signal, ...how }: CollectOptions = {},
): Promise<CollectionResult> {
  const path = '/repo/gc'
  const request = { path, ...jsonBody(how), signal, patient: true }
  return await api.json(collectionResult, { method: 'POST', ...request })
}

export async function repoStat(api: Api, { signal }: SignalOptions = {}): Promise<RepoStat> {
  return await api.json(repoStatShape, { method: 'GET', path: '/repo/stat', signal })
}

type Following = {
  readonly path: string
  readonly body: object
  readonly signal: AbortSignal | undefined
  readonly onProgress: PinOptions['onProgress']
}

/** Always in lines, so that the connection is seen to live however long it takes. */
async function followed(
  api: Api,
  { path, body, signal, onProgress }: Following,
): Promise<PinResult> {
  const request = { path, ...jsonBody(body), signal, patient: true }
  for await (const line of jsonLines(api, pinLine, { method: 'POST', ...request })) {
    if ('result' in line) return line.result
    tell(onProgress, line.progress)
  }
  throw notUnderstood(api.url, 'it did not say what became of the pin')
}

function tell(listener: PinOptions['onProgress'], progress: PinProgress): void {
  try {
    listener?.(progress)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PrsmError('INVALID_INPUT', `onProgress threw: ${reason}`, { cause })
  }
}

/** A time as text. One that is none is told by the daemon, as every other. */
function expiry({ expiresAt }: PinDetails): { readonly expiresAt?: string } {
  if (!(expiresAt instanceof Date)) return {}
  const isTime = !Number.isNaN(expiresAt.getTime())
  return { expiresAt: isTime ? expiresAt.toISOString() : String(expiresAt) }
}

function texts(query: Readonly<Record<string, string | number | undefined>>) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}
