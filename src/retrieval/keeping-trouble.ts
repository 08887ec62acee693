import { isPrsmError } from '../core/errors.ts'
import type { Logger } from '../telemetry/logger.ts'

/** A full disk is full for all: whoever reads the log learns of it once, not with each block. */
const QUIET_MS = 60_000

/** Tells the log that blocks which were fetched cannot be kept, once in a while. */
export class KeepingTrouble {
  readonly #logger: Logger
  readonly #now: () => number
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(logger: Logger, now: () => number) {
    this.#logger = logger
    this.#now = now
  }

  tell(error: unknown): void {
    if (this.#now() - this.#toldAt < QUIET_MS) return
    this.#toldAt = this.#now()
    const code = isPrsmError(error) ? error.code : 'INTERNAL'
    this.#logger.warn({ err: error, code }, 'fetched blocks are not kept')
  }
}
