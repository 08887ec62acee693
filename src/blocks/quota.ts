import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

export type QuotaInit = {
  /** Bytes the data folder may take; infinite: what the disk has. */
  readonly maxBytes: number
  /** Bytes that are left free on the disk. */
  readonly keepFreeBytes: number
  /** Bytes the data folder takes now. */
  readonly used: () => number
  /** Bytes that are free on the disk. */
  readonly free: () => Promise<number>
}

/** How long the figure of the file system is believed. */
const FREE_MS = 250

/**
 * The room of a store, hard: bytes are reserved before they are written, in steps, so that no number
 * of writers together takes more than there is. When a step does not fit, the youngest writer that
 * did not say how much it brings has to give way.
 */
export class Quota {
  readonly #init: QuotaInit
  /** In the order in which they began. */
  readonly #open = new Set<Reservation>()
  #reserved = 0
  #free = Number.POSITIVE_INFINITY
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(init: QuotaInit) {
    this.#init = init
  }

  /** Room for one writer, who has none yet. */
  open(): Reservation {
    const reservation = new Reservation(this)
    this.#open.add(reservation)
    return reservation
  }

  /** Bytes that may be taken; infinite: what the disk has. */
  get maxBytes(): number {
    return this.#init.maxBytes
  }

  /** Bytes taken now. */
  get usedBytes(): number {
    return this.#init.used()
  }

  /** Bytes that were promised and are not stored yet. */
  get reservedBytes(): number {
    return this.#reserved
  }

  /**
   * @internal Adds to a reservation, as much as is `lacking`, in steps where it has not said how much it
   * brings. Many ask at once: what one of them got may do for all. Throws STORAGE_FULL.
   */
  async grow(reservation: Reservation, lacking: () => number): Promise<void> {
    for (;;) {
      await this.#look()
      if (reservation.refusal !== undefined) throw reservation.refusal
      const bytes = lacking()
      if (bytes <= 0) return
      const step = reservation.declared ? bytes : Math.max(bytes, limits.quotaStepBytes)
      const fitting = [step, bytes].find((wanted) => this.#lack(wanted) === undefined)
      if (fitting !== undefined) return this.grant(reservation, fitting)
      await this.#makeRoom(reservation, this.#lack(bytes))
    }
  }

  /** @internal */
  grant(reservation: Reservation, bytes: number): void {
    reservation.granted += bytes
    this.#reserved += bytes
  }

  /** @internal */
  close(reservation: Reservation): void {
    this.#open.delete(reservation)
  }

  /** The youngest that could bring more than it should gives way, and is waited for; maybe that is this one. */
  async #makeRoom(reservation: Reservation, error = FULL): Promise<void> {
    const youngest = [...this.#open].findLast(({ declared, refusal }) => !declared && !refusal)
    if (youngest === undefined || youngest === reservation || reservation.declared) throw error
    youngest.refuse(error)
    await youngest.closed
  }

  /** Why so many bytes more do not fit; undefined: they do. */
  #lack(bytes: number): PrsmError | undefined {
    const { maxBytes, keepFreeBytes, used } = this.#init
    // What the folder takes is looked up, which costs as much as a small upload.
    const usedBytes = Number.isFinite(maxBytes) ? used() : 0
    const promised = this.#reserved + bytes
    if (usedBytes + promised > maxBytes) return overQuota(maxBytes, usedBytes)
    if (this.#free - promised < keepFreeBytes) return tooLittleFree(keepFreeBytes, this.#free)
    return undefined
  }

  async #look(): Promise<void> {
    if (performance.now() - this.#lookedAt < FREE_MS || this.#init.keepFreeBytes === 0) return
    this.#free = await this.#init.free()
    this.#lookedAt = performance.now()
  }
}

/** What one writer may still write. Dispose it when nothing of it is on its way any more. */
export class Reservation implements Disposable {
  /** Who has said what he brings has all the room for it, and is not asked to give way. */
  declared = false
  /** @internal Bytes promised: taken ones with those that may be taken without asking. */
  granted = 0
  /** Why nothing more is given: somebody older needs the room. */
  refusal: PrsmError | undefined
  /** Called once, when it is refused. */
  onRefusal: (error: PrsmError) => void = () => {}
  readonly #quota: Quota
  readonly #closed = Promise.withResolvers<void>()
  #taken = 0

  constructor(quota: Quota) {
    this.#quota = quota
  }

  /** Takes room for so many bytes of content at once. Throws STORAGE_FULL where it is not there. */
  async declare(bytes: number): Promise<void> {
    this.declared = true
    const room = Math.ceil(bytes * DECLARED_SHARE) + DECLARED_BYTES
    await this.#quota.grow(this, () => room)
  }

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Takes room for bytes that are about to be written; a promise only where it has to be asked for. Throws STORAGE_FULL. */
  take(bytes: number): Promise<void> | undefined {
    if (this.refusal !== undefined) throw this.refusal
    this.#taken += bytes
    if (this.#taken <= this.granted) return undefined
    // It is more than was said.
    this.declared = false
    return this.#quota
      .grow(this, () => this.#taken - this.granted)
      .catch((error: unknown) => {
        this.#taken -= bytes
        throw error
      })
  }

  /** The bytes are stored, and counted as that, or were there, or will not come. */
  give(bytes: number): void {
    this.#taken -= bytes
    this.#quota.grant(this, -Math.min(bytes, this.granted))
  }

  /** @internal */
  refuse(error: PrsmError): void {
    this.refusal = error
    this.#quota.grant(this, this.#taken - this.granted)
    this.onRefusal(error)
  }

  [Symbol.dispose](): void {
    this.#quota.grant(this, -this.granted)
    this.#quota.close(this)
    this.#closed.resolve()
  }
}

/** What content takes with the tree above it, with rows, and with the last page or disk block. */
const DECLARED_SHARE = 1.02
const DECLARED_BYTES = 256 * 1024

const FULL = new PrsmError('STORAGE_FULL', 'the store is full')

function overQuota(maxBytes: number, usedBytes: number): PrsmError {
  return new PrsmError(
    'STORAGE_FULL',
    `the store takes ${usedBytes} of the ${maxBytes} bytes it may take`,
    {
      hint: 'unpin what is not needed and run `prsm repo gc`, or raise PRSM_STORAGE_MAX',
      details: { maxBytes, usedBytes },
    },
  )
}

function tooLittleFree(keepFreeBytes: number, freeBytes: number): PrsmError {
  return new PrsmError('STORAGE_FULL', `the disk has ${freeBytes} bytes free`, {
    hint: `${keepFreeBytes} of them stay free (PRSM_STORAGE_RESERVE): free some space, or lower it`,
    details: { keepFreeBytes, freeBytes },
  })
}
