import type { TopLevelSpec } from 'vega-lite'
import { svg } from '../../bench/harness/plot.ts'
import type { SoakReport } from './soak.ts'

const width = 860
const minutes = { field: 'minute', type: 'quantitative', title: 'minutes' } as const

/** How long each revocation took on its slowest node, beside the faults; and below it what the first node held. */
export const soakPlot = ({ samples, spells, taken }: SoakReport): Promise<string> => {
  const bands = spells.map(({ fault, from, to }) => ({ fault, minute: from / 60_000, end: to / 60_000 }))
  const lines = samples.flatMap(({ logBytes, memoryBytes, minute, rssBytes }) => [
    { minute, of: 'memory (heap and buffers)', megabytes: memoryBytes / 1e6 },
    { minute, of: 'resident memory', megabytes: rssBytes / 1e6 },
    ...logBytes === null ? [] : [{ minute, of: 'log', megabytes: logBytes / 1e6 }]
  ])
  const domain = { domain: [0, Math.max(...samples.map(({ minute }) => minute))], nice: false }
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    config: { legend: { labelLimit: 300 } },
    vconcat: [
      {
        title: 'Revocation, from the call to the refusal on the slowest node', width, height: 260,
        layer: [
          {
            data: { values: bands },
            mark: { type: 'rect', opacity: 0.35 },
            encoding: {
              x: { ...minutes, scale: domain }, x2: { field: 'end' },
              color: { field: 'fault', type: 'nominal', title: 'fault', scale: { scheme: 'category20' } }
            }
          },
          {
            data: { values: [...taken] },
            mark: { type: 'circle', size: 9, color: '#222', opacity: 0.6 },
            encoding: { x: minutes, y: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'ms' } }
          }
        ]
      },
      {
        title: 'One node, after each season', width, height: 140, data: { values: lines }, mark: { type: 'line', point: true },
        encoding: {
          x: { ...minutes, scale: domain }, y: { field: 'megabytes', type: 'quantitative', title: 'MB' },
          color: { field: 'of', type: 'nominal', title: null }
        }
      }
    ],
    resolve: { scale: { color: 'independent' } }
  }
  return svg(spec)
}
