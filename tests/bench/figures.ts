import type { FigureId } from './catalogue.ts'

export type Direction = 'import' | 'read'

/** What was measured, by round. */
export class Figures {
  readonly #values = new Map<FigureId, Map<number, number>>()
  readonly #onFigure: (id: FigureId, value: number) => void

  constructor(onFigure: (id: FigureId, value: number) => void) {
    this.#onFigure = onFigure
  }

  add(id: FigureId, round: number, value: number): void {
    const rounds = this.#values.get(id) ?? new Map<number, number>()
    this.#values.set(id, rounds.set(round, value))
    this.#onFigure(id, value)
  }

  values(id: FigureId): readonly number[] {
    return [...(this.#values.get(id)?.values() ?? [])]
  }

  /** `id` over `other`, for each round that has both: what was measured close together. */
  ratios(id: FigureId, other: FigureId): readonly number[] {
    const others = this.#values.get(other)
    return [...(this.#values.get(id) ?? [])].flatMap(([round, value]) => {
      const beside = others?.get(round)
      return beside === undefined ? [] : [value / beside]
    })
  }
}

/** The middle value, or the mean of the two in the middle; `undefined` of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  if (middle.length === 0) return undefined
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

/** MB/s of `bytes` in `ms`. */
export function rate(bytes: number, ms: number): number {
  return bytes / 1000 / ms
}

/** MB of `bytes`. */
export function megabytes(bytes: number): number {
  return bytes / 1e6
}
