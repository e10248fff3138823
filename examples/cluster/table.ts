import type { Findings, NodeFindings } from './load.ts'

const quantile = (ascending: readonly number[], q: number): number =>
  ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * q))] ?? Number.NaN

const count = (value: number): string => Math.round(value).toLocaleString('en')
const time = (value: number): string => Number.isNaN(value) ? '-' : value.toFixed(2)

type Row = readonly [label: string, cell: (node: NodeFindings) => string, all: string]

const rows = ({ nodes, seconds }: Findings): readonly Row[] => {
  const rate = (sum: number): string => count(sum / seconds)
  const total = (of: (node: NodeFindings) => number): number => nodes.reduce((sum, node) => sum + of(node), 0)
  const all = nodes.flatMap(({ latencies }) => latencies).sort((a, b) => a - b)
  const late = Math.max(...nodes.map(({ acceptedMeanwhileMsMax }) => acceptedMeanwhileMsMax))
  return [
    ['page views/s (HTTP)', (node) => rate(node.pageViews), rate(total((node) => node.pageViews))],
    ['validations/s', (node) => rate(node.validations), rate(total((node) => node.validations))],
    ['revocation p50, ms', (node) => time(quantile(node.latencies, 0.5)), time(quantile(all, 0.5))],
    ['revocation p99, ms', (node) => time(quantile(node.latencies, 0.99)), time(quantile(all, 0.99))],
    ['revocation max, ms', (node) => time(node.latencies.at(-1) ?? Number.NaN), time(all.at(-1) ?? Number.NaN)],
    ['accepted meanwhile', (node) => count(node.acceptedMeanwhile), count(total((node) => node.acceptedMeanwhile))],
    ['  for at most, ms', (node) => time(node.acceptedMeanwhileMsMax), time(late)],
    ['wrong verdicts', (node) => count(node.wrong.length), count(total((node) => node.wrong.length))]
  ]
}

/** The table of a load, as lines of text. */
export const table = (findings: Findings): readonly string[] => {
  const cells = [
    ['', ...findings.nodes.map(({ node }) => node), 'all'],
    ...rows(findings).map(([label, cell, all]) => [label, ...findings.nodes.map(cell), all])
  ]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  const lines = cells.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join('   '))
  return [lines[0]!, '─'.repeat(lines[0]!.length), ...lines.slice(1)]
}
