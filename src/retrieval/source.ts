import type { CID } from 'multiformats/cid'
import { matches } from '../blocks/multihash.ts'
import type { Answer, BlockFetcher, FetchOptions } from '../core/block-source.ts'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { cancelled } from '../core/signal.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Refusal } from './not-found.ts'

export type SourceInit = {
  /** Milliseconds without progress after which a block is given up. */
  readonly idleMs: number
  readonly metrics: Metrics
  readonly now: () => number
}

/** What a timer can wait: Node takes a longer time for one millisecond. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** A fetcher as retrieval sees it: what it brings is verified, and it is given up when nothing moves. */
export class Source {
  readonly #fetcher: BlockFetcher
  readonly #init: SourceInit

  constructor(fetcher: BlockFetcher, init: SourceInit) {
    this.#fetcher = fetcher
    this.#init = init
  }

  /** The block, verified, or how asking for it ended. Throws what `outer` was aborted with. */
  async ask(cid: CID, outer: AbortSignal): Promise<Uint8Array | Refusal> {
    const withdrawn = new AbortController()
    const given = Promise.withResolvers<never>()
    given.promise.catch(() => {})
    const onAbort = (): void => given.reject(cancelled(outer))
    outer.addEventListener('abort', onAbort, { once: true })
    const startedAt = this.#init.now()
    const watch = { movedAt: startedAt }
    const stopWatching = this.#watch(watch, () => given.reject(IDLE))
    const options: FetchOptions = {
      signal: withdrawn.signal,
      onProgress: mover(watch, this.#init.now),
    }
    try {
      const attempt = (): Promise<Uint8Array> =>
        Promise.race([this.#fetcher.fetch(cid, options), given.promise])
      const bytes = await this.#firstRight(cid, attempt)
      return this.#arrived(bytes, startedAt)
    } catch (error) {
      if (outer.aborted) this.#count('cancelled')
      if (outer.aborted) throw cancelled(outer)
      return this.#refusal(cid, error)
    } finally {
      stopWatching()
      outer.removeEventListener('abort', onAbort)
      withdrawn.abort()
    }
  }

  /** A wrong block is said to be one, and the next asked for; whoever sends them has not all day. */
  async #firstRight(cid: CID, attempt: () => Promise<Uint8Array>): Promise<Uint8Array> {
    for (let wrong = 0; wrong < limits.maxWrongBlocks; wrong++) {
      const bytes = await attempt()
      if (bytes.byteLength <= limits.maxBlockBytes && matches(cid, bytes)) return bytes
      this.#fetcher.reject(cid)
      this.#count('corrupt')
    }
    throw WRONG
  }

  #arrived(bytes: Uint8Array, startedAt: number): Uint8Array {
    const { metrics, now } = this.#init
    const source = this.#fetcher.name
    metrics.fetchedBlocks.inc({ source })
    metrics.fetchedBytes.inc({ source }, bytes.byteLength)
    metrics.fetchSeconds.observe({ source }, (now() - startedAt) / 1000)
    return bytes
  }

  /** Calls `onIdle` once nothing has moved for `idleMs`. What it returns ends the watch. */
  #watch(watched: { readonly movedAt: number }, onIdle: () => void): () => void {
    const { idleMs, now } = this.#init
    let timer: NodeJS.Timeout | undefined
    const check = (): void => {
      const leftMs = idleMs - (now() - watched.movedAt)
      if (leftMs <= 0) onIdle()
      else timer = setTimeout(check, Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS))
    }
    check()
    return () => clearTimeout(timer)
  }

  #refusal(cid: CID, error: unknown): Refusal {
    const refusal = this.#refusalOf(cid, error)
    if (refusal.reason !== 'corrupt') this.#count(refusal.reason)
    return refusal
  }

  #refusalOf(cid: CID, error: unknown): Refusal {
    if (error === IDLE) return this.#unanswered(cid)
    const from = this.#fetcher.name
    if (error === WRONG) {
      const answer = `sent ${limits.maxWrongBlocks} blocks that are not it`
      return { reason: 'corrupt', answers: [{ from, answer }], unanswered: 0 }
    }
    if (isPrsmError(error) && error.code === 'CONTENT_NOT_FOUND') {
      return { reason: 'missing', answers: answersOf(error), unanswered: 0 }
    }
    const answer = error instanceof Error ? error.message : String(error)
    return { reason: 'error', answers: [{ from, answer }], unanswered: 0, cause: error }
  }

  #unanswered(cid: CID): Refusal {
    const answer = `no answer in ${this.#init.idleMs / 1000} s`
    const answers = this.#fetcher.waitingFor(cid).map((from) => ({ from, answer }))
    return { reason: 'timeout', answers, unanswered: answers.length }
  }

  #count(reason: string): void {
    this.#init.metrics.fetchFailures.inc({ source: this.#fetcher.name, reason })
  }
}

/** Notes that something moved. It holds nothing else: a fetcher may keep it longer than the block. */
function mover(watched: { movedAt: number }, now: () => number): () => void {
  return () => {
    watched.movedAt = now()
  }
}

/** Ends of an asking, told apart by identity: they never leave this file. */
const IDLE = new PrsmError('CONTENT_NOT_FOUND', 'nothing came for too long')
const WRONG = new PrsmError('CONTENT_NOT_FOUND', 'all that came was wrong')

/** What those who were asked said, of an error that a fetcher made. */
function answersOf({ details }: PrsmError): readonly Answer[] {
  const answers: unknown = details['answers']
  return Array.isArray(answers) ? answers.filter(isAnswer) : []
}

function isAnswer(value: unknown): value is Answer {
  if (typeof value !== 'object' || value === null) return false
  if (!('from' in value && 'answer' in value)) return false
  return typeof value.from === 'string' && typeof value.answer === 'string'
}
