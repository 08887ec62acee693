import { catalogue, type FigureId, type Figures, median, type Unit } from './figures.ts'

/** What a figure should be: so many times another of the same round, or at most so much. */
export type Expectation = { readonly figure: FigureId } & (
  | { readonly atLeast: number; readonly of: FigureId; readonly named: string }
  | { readonly atMost: number }
)

/** Memory and start are bounds to the project's end; the others are what this design should reach. */
export const expectations: readonly Expectation[] = [
  { figure: 'library.import', atLeast: 1, of: 'kubo-sync.import', named: 'Kubo with sync' },
  { figure: 'library.import', atLeast: 0.9, of: 'limits.dd', named: 'dd conv=fdatasync' },
  { figure: 'library.read', atLeast: 0.6, of: 'limits.sha256', named: 'sha256 on one core' },
  { figure: 'library.read', atLeast: 5, of: 'helia.read', named: 'plain Helia' },
  { figure: 'http.import', atLeast: 0.7, of: 'library.import', named: "the library's" },
  { figure: 'http.read', atLeast: 0.7, of: 'library.read', named: "the library's" },
  { figure: 'http.import-peak', atMost: 150 },
  { figure: 'http.read-peak', atMost: 150 },
  { figure: 'gateway.ranges', atLeast: 15, of: 'kubo-gateway.ranges', named: "Kubo's" },
  { figure: 'gateway.blocks', atLeast: 1, of: 'kubo-gateway.blocks', named: "Kubo's" },
  { figure: 'gateway.file', atLeast: 0.4, of: 'kubo-gateway.file', named: "Kubo's, unverified" },
  { figure: 'gateway.car', atLeast: 1, of: 'kubo-gateway.car', named: "Kubo's" },
  { figure: 'daemon.idle', atMost: 180 },
  { figure: 'daemon.ready', atMost: 2000 },
]

export type Verdict = 'ok' | 'below' | 'above' | 'not measured'

export type Judgement = {
  readonly what: string
  /** The figure's median, in its unit. */
  readonly value: number | undefined
  readonly unit: Unit
  readonly expected: string
  /** Median of the rounds' ratios, where the expectation is one. */
  readonly ratio: number | undefined
  readonly verdict: Verdict
}

export function judge(expectation: Expectation, figures: Figures): Judgement {
  const { figure } = expectation
  const [what, unit] = catalogue[figure]
  const value = median(figures.values(figure))
  if ('atMost' in expectation) {
    const { atMost } = expectation
    const expected = `≤ ${atMost} ${unit}`
    const good = value !== undefined && value <= atMost
    return { what, value, unit, expected, ratio: undefined, verdict: verdict(value, good, 'above') }
  }
  const { atLeast, of, named } = expectation
  const ratio = median(figures.ratios(figure, of))
  const expected = `≥ ${atLeast} × ${named}`
  const good = ratio !== undefined && ratio >= atLeast
  return { what, value, unit, expected, ratio, verdict: verdict(ratio, good, 'below') }
}

function verdict(measured: number | undefined, good: boolean, bad: 'below' | 'above'): Verdict {
  if (measured === undefined) return 'not measured'
  return good ? 'ok' : bad
}
