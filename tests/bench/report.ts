import { formatSize } from '../../src/config/size.ts'
import {
  callers,
  catalogue,
  type FigureId,
  figureGroups,
  figureIds,
  spoken,
  type Unit,
  type UploadSize,
  uploadSizes,
} from './catalogue.ts'
import { expectations, type Judgement, judge } from './expectations.ts'
import { type Figures, median } from './figures.ts'
import type { Machine } from './machine.ts'

export type Outcome = {
  readonly version: string
  readonly kuboVersion: string | null
  readonly bytes: number
  /** Blocks of the large stores. */
  readonly blocks: number
  readonly runs: number
  readonly machine: Machine
  /** As `Machine.load`, when all was done. */
  readonly loadAtEnd: number
  readonly figures: Figures
  /** What was left out, and why. */
  readonly notes: readonly string[]
  /** What should have run and did not. */
  readonly failures: readonly string[]
}

/** The result for machines. Figures carry the value of every round. */
export function toJson(outcome: Outcome): object {
  const { figures, ...rest } = outcome
  const measured = figureIds.flatMap((id) => {
    const values = figures.values(id)
    const [what, unit] = catalogue[id]
    return values.length === 0 ? [] : [{ id, what, unit, median: median(values), values }]
  })
  return { ...rest, figures: measured, expectations: judgements(figures) }
}

/** The result for people: the machine, every figure, and how the expected ones compare. */
export function toText(outcome: Outcome): string {
  const { version, bytes, blocks, runs, figures, notes, failures } = outcome
  const rounds = runs === 1 ? 'one round' : `medians of ${runs} rounds`
  return [
    `PRSM IPFS ${version}: ${formatSize(bytes)} of random bytes, ${blocks} small blocks, ${rounds}, MB = 10^6 bytes`,
    ...machineLines(outcome),
    ...figureLines(figures),
    ...concurrencyLines(figures),
    '',
    'Expected (a ratio is the median of the ratios within each round):',
    ...table(judgements(figures).map(judgementRow)),
    ...notes.map((note) => `\nnot run: ${note}`),
    ...failures.map((failure) => `\nFAILED: ${failure}`),
    '',
  ].join('\n')
}

function judgements(figures: Figures): readonly Judgement[] {
  return expectations.map((expectation) => judge(expectation, figures))
}

function machineLines({ machine, loadAtEnd, kuboVersion }: Outcome): readonly string[] {
  const { cpu, cores, shaInstructions, memoryBytes, system, node, poolThreads } = machine
  const sha = { true: ' with SHA instructions', false: ' without SHA instructions', undefined: '' }
  return [
    `machine: ${cores} × ${cpu}${sha[`${shaInstructions}`]}, ${gigabytes(memoryBytes)}, ${system}`,
    `disk: ${machine.disk}, ${gigabytes(machine.freeBytes)} free`,
    `Node ${node} with ${poolThreads} pool threads; load ${machine.load.toFixed(1)} at the start, ${loadAtEnd.toFixed(1)} at the end`,
    ...(kuboVersion === null ? [] : [`Kubo ${kuboVersion}`]),
  ]
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(0)} GB`
}

/** All groups in one table, so that their columns stand below each other. */
function figureLines(figures: Figures): readonly string[] {
  const groups = figureGroups.flatMap(([title, ids]) => {
    const rows = ids.flatMap((id) => figureRow(id, figures.values(id)))
    return rows.length === 0 ? [] : [[], [`${title}:`], ...rows]
  })
  return table(groups)
}

function figureRow(id: FigureId, values: readonly number[]): readonly Row[] {
  if (values.length === 0) return []
  const [what, unit] = catalogue[id]
  const spread = `${number(Math.min(...values))} to ${number(Math.max(...values))}`
  return [[`  ${what}`, format(median(values), unit), values.length > 1 ? spread : '']]
}

/** Sizes down, callers across. */
function concurrencyLines(figures: Figures): readonly string[] {
  const rows = (Object.keys(uploadSizes) as UploadSize[]).flatMap((size) => [
    [`  ${spoken(size)}, /s`, ...callers.map((at) => cell(figures, `concurrency.${size}-${at}`))],
    [
      `  ${spoken(size)}, half of them within ms`,
      ...callers.map((at) => cell(figures, `concurrency.${size}-${at}-p50`)),
    ],
  ])
  if (rows.every(([, ...cells]) => cells.every((each) => each === '–'))) return []
  return ['', 'Uploads by callers at once:', ...table([['', ...callers.map(String)], ...rows])]
}

function cell(figures: Figures, id: FigureId): string {
  const value = median(figures.values(id))
  return value === undefined ? '–' : number(value)
}

function judgementRow({ what, value, unit, expected, ratio, verdict }: Judgement): Row {
  return [what, format(value, unit), ratio?.toFixed(2) ?? '', expected, verdict]
}

function format(value: number | undefined, unit: Unit): string {
  return value === undefined ? '–' : `${number(value)} ${unit}`
}

/** Three digits tell all that such a measurement knows. */
export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

type Row = readonly string[]

function table(rows: readonly Row[]): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
