import { spread, ratiosByRound, type Spread } from './stats.ts'

export interface Figure extends Spread {
  readonly name: string
  readonly unit: string
}
export interface Ratio extends Spread {
  readonly name: string
}
/** What one case found. This is the form of the JSON file. */
export interface Report {
  readonly case: string
  readonly node: string
  readonly cpu: string
  readonly figures: readonly Figure[]
  readonly ratios: readonly Ratio[]
}

export const figure = (name: string, unit: string, samples: readonly number[]): Figure =>
  ({ name, unit, ...spread(samples) })

/** The ratio of two measures that were taken in the same rounds. */
export const ratio = (name: string, ours: readonly number[], theirs: readonly number[]): Ratio =>
  ({ name, ...spread(ratiosByRound(ours, theirs)) })

/** What a figure or ratio is to stay under, by name. */
export type Reach = Readonly<Record<string, number>>

const digits = (value: number): string => {
  const size = Math.abs(value)
  return size >= 1_000 ? Math.round(value).toLocaleString('en-US') : size >= 100 ? value.toFixed(1) : value.toFixed(3)
}

const verdict = (name: string, median: number, reach: Reach): string => {
  const most = reach[name]
  if (most === undefined) return ''
  return `at most ${most}: ${median <= most ? 'reached' : 'MISSED'}`
}

/** Columns as wide as their widest cell; the first to the left, numbers to the right. */
export const table = (rows: ReadonlyArray<readonly string[]>): string => {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => { widths[i] = Math.max(widths[i] ?? 0, cell.length) })
  return rows.map((row) => row
    .map((cell, i) => /^[\d.,]+$/.test(cell) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))
    .join('  ').trimEnd()).join('\n')
}

/** The report as a person reads it. */
export const renderReport = (report: Report, reach: Reach): string => {
  const rows: string[][] = [['', 'unit', 'median', 'low', 'high', '']]
  for (const { name, unit, median, low, high } of report.figures) {
    rows.push([name, unit, digits(median), digits(low), digits(high), verdict(name, median, reach)])
  }
  for (const { name, median, low, high } of report.ratios) {
    rows.push([name, 'ratio', digits(median), digits(low), digits(high), verdict(name, median, reach)])
  }
  return `${report.case} on ${report.cpu}, Node ${report.node}\n${table(rows)}`
}

/** The report as JSON. Throws on a number that JSON cannot hold: a hole must not pass for a figure. */
export const reportJson = (report: Report): string => {
  for (const { name, median, low, high } of [...report.figures, ...report.ratios]) {
    for (const value of [median, low, high]) {
      if (!Number.isFinite(value)) throw new RangeError(`${name} came out as ${value}`)
    }
  }
  return `${JSON.stringify(report, null, 2)}\n`
}
