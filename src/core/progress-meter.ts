import type { OnProgress, Progress } from './content.ts'
import { PrsmError } from './errors.ts'

const INTERVAL_MS = 100

/**
 * Counts bytes and tells a listener: at the first byte, then at most ten times a second, and at the
 * end. A listener that throws ends what it listens to: INVALID_INPUT with its error as the cause.
 */
export class ProgressMeter {
  readonly #listener: OnProgress | undefined
  readonly #total: number | undefined
  readonly #startedAt = performance.now()
  #toldAt = Number.NEGATIVE_INFINITY
  #done = 0

  constructor(listener: OnProgress | undefined, bytesTotal?: number) {
    this.#listener = listener
    this.#total = bytesTotal
  }

  get bytesDone(): number {
    return this.#done
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  add(bytes: number): void {
    this.#done += bytes
    if (this.#listener === undefined) return
    const now = performance.now()
    if (now - this.#toldAt < INTERVAL_MS) return
    this.#toldAt = now
    this.#tell(this.#total)
  }

  /** Tells the final size, whatever was announced. */
  finish(): void {
    this.#tell(this.#done)
  }

  #tell(total: number | undefined): void {
    try {
      this.#listener?.(progressOf(this.#done, this.elapsedMs, total))
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new PrsmError('INVALID_INPUT', `onProgress threw: ${reason}`, { cause })
    }
  }
}

/** The chunks as they come, each counted when it is handed on. */
export async function* metered(
  chunks: AsyncIterable<Uint8Array>,
  meter: ProgressMeter,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    meter.add(chunk.byteLength)
    yield chunk
  }
}

/** What is known after `elapsedMs`: the time left supposes that bytes go on coming at the same rate. */
export function progressOf(bytesDone: number, elapsedMs: number, bytesTotal?: number): Progress {
  if (bytesTotal === undefined) return { bytesDone, elapsedMs }
  const share = bytesTotal === 0 ? 1 : Math.min(1, bytesDone / bytesTotal)
  const known = { bytesDone, bytesTotal, percent: share * 100, elapsedMs }
  return share === 0 ? known : { ...known, remainingMs: (elapsedMs * (1 - share)) / share }
}
