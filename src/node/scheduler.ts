import type { PrsmError } from '../core/errors.ts'
import { cancelled, throwIfCancelled } from '../core/signal.ts'

export type SchedulerInit = {
  /** Operations that run at a time. */
  readonly concurrency: number
  /** Milliseconds after which one that has moved nothing gives way. */
  readonly stallMs: number
}

type Waiting = { enter(place: Place): void; leave(error: PrsmError): void }

/** Looks at a place within `stallMs`. */
const LOOKS = 4

/**
 * A number of places for operations; who finds none waits in line, first come first served. Nobody keeps
 * the others out for good: while some wait, a place that stands still does not count. It is not stopped,
 * and counts again as soon as it moves; then more may run than the number, and nobody enters until it
 * is less.
 */
export class Scheduler {
  readonly #concurrency: number
  readonly #lookMs: number
  readonly #places = new Set<Place>()
  readonly #line = new Set<Waiting>()
  /** Places that do not stand still. */
  #counted = 0
  #looking: NodeJS.Timeout | undefined
  readonly #keeper: Keeper = {
    count: (places) => {
      this.#counted += places
      if (places < 0) this.#admit()
    },
    forget: (place) => this.#places.delete(place),
  }

  constructor({ concurrency, stallMs }: SchedulerInit) {
    this.#concurrency = concurrency
    this.#lookMs = stallMs / LOOKS
  }

  /** Places taken, also by those that stand still. */
  get running(): number {
    return this.#places.size
  }

  get waiting(): number {
    return this.#line.size
  }

  /** A place, where one is free. */
  enterNow(): Place | undefined {
    return this.#counted < this.#concurrency ? this.#take() : undefined
  }

  /** A place: at once where one is free, else when its turn has come. Throws CANCELLED while it waits. */
  enter(signal?: AbortSignal): Place | Promise<Place> {
    return this.enterNow() ?? this.#wait(signal)
  }

  /** Ends the waiting of all in line with `error`. */
  dismiss(error: PrsmError): void {
    for (const waiting of [...this.#line]) waiting.leave(error)
  }

  #take(): Place {
    const place = new Place(this.#keeper)
    this.#places.add(place)
    this.#counted += 1
    return place
  }

  #wait(signal: AbortSignal | undefined): Promise<Place> {
    return new Promise((resolve, reject) => {
      throwIfCancelled(signal)
      const waiting: Waiting = {
        enter: (place) => {
          signal?.removeEventListener('abort', onAbort)
          resolve(place)
        },
        leave: (error) => {
          signal?.removeEventListener('abort', onAbort)
          this.#line.delete(waiting)
          this.#rest()
          reject(error)
        },
      }
      const onAbort = () => signal && waiting.leave(cancelled(signal))
      signal?.addEventListener('abort', onAbort)
      this.#line.add(waiting)
      // It keeps the process: where all stand still, nothing else may.
      this.#looking ??= setInterval(() => this.#look(), this.#lookMs)
    })
  }

  /** Whenever fewer count: while some wait none is free, so that nobody overtakes them. */
  #admit(): void {
    for (const waiting of this.#line) {
      if (this.#counted >= this.#concurrency) return
      this.#line.delete(waiting)
      waiting.enter(this.#take())
    }
    this.#rest()
  }

  #look(): void {
    for (const place of [...this.#places]) place.look()
  }

  /** Nobody looks while nobody waits. */
  #rest(): void {
    if (this.#line.size > 0) return
    clearInterval(this.#looking)
    this.#looking = undefined
  }
}

type Keeper = {
  /** So many places more count, or less. */
  count(places: number): void
  forget(place: Place): void
}

/** What an operation holds while it runs. */
export class Place implements Disposable {
  readonly #keeper: Keeper
  /** Since it moved. */
  #looks = 0
  #isStill = false
  #hasLeft = false

  /** @internal `Scheduler.enter` gives them. */
  constructor(keeper: Keeper) {
    this.#keeper = keeper
  }

  /** Something was moved. Costs next to nothing. */
  moved(): void {
    this.#looks = 0
    if (!this.#isStill) return
    this.#isStill = false
    this.#keeper.count(1)
  }

  /** @internal */
  look(): void {
    this.#looks += 1
    if (this.#isStill || this.#looks <= LOOKS) return
    this.#isStill = true
    this.#keeper.count(-1)
  }

  /** Gives it back, once. */
  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    const counted = this.#isStill ? 0 : -1
    this.#isStill = false
    this.#keeper.forget(this)
    this.#keeper.count(counted)
  }

  [Symbol.dispose](): void {
    this.leave()
  }
}
