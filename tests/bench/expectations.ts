import { catalogue, type FigureId, type Unit } from './catalogue.ts'
import { type Figures, median } from './figures.ts'

/** What a figure should be: so many times another of the same round, or at least or at most so much. */
export type Expectation = { readonly figure: FigureId } & (
  | { readonly atLeast: number; readonly of: FigureId; readonly named: string }
  | { readonly atLeast: number }
  | { readonly atMost: number }
)

const KUBO = 'Kubo as it comes'
const KUBO_SYNC = 'Kubo with sync'

/** What users are told, and bounds of memory, waits and start: they hold to the project's end. */
export const expectations: readonly Expectation[] = [
  { figure: 'library.import', atLeast: 1.3, of: 'kubo-sync.import', named: KUBO_SYNC },
  { figure: 'library.import', atLeast: 0.9, of: 'limits.dd', named: 'dd conv=fdatasync' },
  { figure: 'library.read', atLeast: 1, of: 'limits.sha256', named: 'sha256 on one core' },
  { figure: 'library.read', atLeast: 5, of: 'helia.read', named: 'plain Helia' },
  { figure: 'library.ranges', atLeast: 10_000 },
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
  ...ofSmallFiles(),
  { figure: 'leaves.library', atLeast: 2, of: 'leaves.kubo', named: KUBO },
  { figure: 'million.open', atMost: 2000 },
  { figure: 'million.ready', atMost: 2000 },
  { figure: 'collection.library', atLeast: 1, of: 'collection.kubo', named: "Kubo's repo gc" },
  { figure: 'collection.read-longest', atMost: 50 },
  // The disk alone lets an upload wait for 60 ms now and then.
  { figure: 'collection.upload-for-it', atMost: 50 },
  { figure: 'collection.upload-p99', atMost: 50 },
  { figure: 'collection.peak', atMost: 150 },
  { figure: 'eventloop.p99', atMost: 50 },
  // What the original says of itself.
  { figure: 'concurrency.1-mb-10', atLeast: 45.2 },
  { figure: 'concurrency.1-mb-10-p50', atMost: 125 },
]

/** Whole folders, so that both are acknowledged once. */
function ofSmallFiles(): readonly Expectation[] {
  const [tiny, small] = ['small-folder.library-1-kib', 'small-folder.library-100-kib'] as const
  return [
    { figure: tiny, atLeast: 4, of: 'small-folder.kubo-sync-1-kib', named: KUBO_SYNC },
    { figure: tiny, atLeast: 1, of: 'small-folder.kubo-1-kib', named: KUBO },
    { figure: small, atLeast: 1, of: 'small-folder.kubo-sync-100-kib', named: KUBO_SYNC },
  ]
}

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
  const judged = { what, value, unit }
  if ('atMost' in expectation) {
    const { atMost } = expectation
    const good = value !== undefined && value <= atMost
    const expected = `≤ ${atMost} ${unit}`
    return { ...judged, expected, ratio: undefined, verdict: verdict(value, good, 'above') }
  }
  const { atLeast } = expectation
  if (!('of' in expectation)) {
    const good = value !== undefined && value >= atLeast
    const expected = `≥ ${atLeast} ${unit}`
    return { ...judged, expected, ratio: undefined, verdict: verdict(value, good, 'below') }
  }
  const ratio = median(figures.ratios(figure, expectation.of))
  const good = ratio !== undefined && ratio >= atLeast
  const expected = `≥ ${atLeast} × ${expectation.named}`
  return { ...judged, expected, ratio, verdict: verdict(ratio, good, 'below') }
}

function verdict(measured: number | undefined, good: boolean, bad: 'below' | 'above'): Verdict {
  if (measured === undefined) return 'not measured'
  return good ? 'ok' : bad
}
