import type { CID } from 'multiformats/cid'
import { matches } from '../blocks/multihash.ts'
import { type PrsmError, toPrsmError } from '../core/errors.ts'
import { cancelled, throwIfCancelled } from '../core/signal.ts'
import type { Missed } from './missed.ts'
import { notFound, type Refusal } from './not-found.ts'
import type { Source } from './source.ts'

export type FetchesInit = {
  readonly sources: readonly Source[]
  readonly missed: Missed
  /** Told of a verified block before any of those who wait for it; `passing`: none of them wants it kept. */
  readonly onArrival: (key: string, bytes: Uint8Array, passing: boolean) => void
}

export type WaitOptions = {
  readonly key: string
  readonly signal: AbortSignal | undefined
  readonly passing: boolean
}

/** One question for a block, however many wait for it. */
type Flight = {
  readonly stop: AbortController
  readonly result: Promise<Uint8Array>
  waiters: number
  passing: boolean
}

const NOTHING = new Uint8Array(0)

/** Blocks that others are asked for: each is asked for once at a time, until its last waiter leaves. */
export class Fetches {
  readonly #init: FetchesInit
  readonly #flights = new Map<string, Flight>()
  #closed: PrsmError | undefined

  constructor(init: FetchesInit) {
    this.#init = init
  }

  /**
   * The block, verified, from whoever gives it first. Throws CONTENT_NOT_FOUND with what each of those
   * who were asked said, UNSUPPORTED_CODEC for a hash that cannot be checked, CANCELLED for this waiter
   * alone.
   */
  async fetch(cid: CID, options: WaitOptions): Promise<Uint8Array> {
    const { key, signal, passing } = options
    throwIfCancelled(signal)
    if (this.#closed !== undefined) throw this.#closed
    const missed = this.#init.missed.find(key)
    if (missed !== undefined) throw missed
    const flight = this.#flights.get(key) ?? this.#start(cid, key)
    flight.waiters += 1
    flight.passing &&= passing
    return await this.#wait(flight, { ...options, signal })
  }

  /** Ends all that is under way with `reason`; nothing is asked for after it. */
  close(reason: PrsmError): void {
    this.#closed = reason
    for (const { stop } of this.#flights.values()) stop.abort(reason)
  }

  #start(cid: CID, key: string): Flight {
    // Nobody is asked for what could not be checked.
    matches(cid, NOTHING)
    const stop = new AbortController()
    const result = this.#ask(cid, stop)
    const flight: Flight = { stop, result, waiters: 0, passing: true }
    this.#flights.set(key, flight)
    this.#settle(key, flight, this.#init.missed.generation)
    return flight
  }

  /** Notes how a flight ends. It stands before its waiters, so that who comes next finds what they get. */
  #settle(key: string, flight: Flight, generation: number): void {
    const { missed, onArrival } = this.#init
    flight.result.then(
      (bytes) => {
        this.#forget(key, flight)
        missed.delete(key)
        onArrival(key, bytes, flight.passing)
      },
      (error: unknown) => {
        this.#forget(key, flight)
        const known = toPrsmError(error)
        if (isAnswered(known) && missed.generation === generation) missed.add(key, known)
      },
    )
  }

  async #ask(cid: CID, stop: AbortController): Promise<Uint8Array> {
    const asked = this.#init.sources.map((source) => source.ask(cid, stop.signal))
    const found = await firstFound(asked).finally(() => stop.abort())
    if (found instanceof Uint8Array) return found
    throw notFound(cid, found)
  }

  #wait(flight: Flight, { key, signal }: WaitOptions): Promise<Uint8Array> {
    if (signal === undefined) return flight.result
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#leave(key, flight)
        reject(cancelled(signal))
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const stay = (): void => signal.removeEventListener('abort', onAbort)
      flight.result.then(resolve, reject).then(stay, stay)
    })
  }

  #leave(key: string, flight: Flight): void {
    flight.waiters -= 1
    if (flight.waiters > 0) return
    this.#forget(key, flight)
    flight.stop.abort()
  }

  #forget(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}

/** The first block that comes, or how all of them ended without one. Throws what one of them throws. */
function firstFound(
  asked: readonly Promise<Uint8Array | Refusal>[],
): Promise<Uint8Array | readonly Refusal[]> {
  return new Promise((resolve, reject) => {
    const refusals: Refusal[] = []
    for (const asking of asked) {
      asking.then((outcome) => {
        if (outcome instanceof Uint8Array) return resolve(outcome)
        refusals.push(outcome)
        if (refusals.length === asked.length) resolve(refusals)
      }, reject)
    }
  })
}

/** True for 'nobody has it', said by all who were asked: silence may end, and a fault may pass. */
function isAnswered({ code, details, cause }: PrsmError): boolean {
  return code === 'CONTENT_NOT_FOUND' && details['unanswered'] === 0 && cause === undefined
}
