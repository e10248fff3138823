import { describe, expect, test } from 'vitest'
import { figure, ratio, renderReport, reportJson, type Report } from '../../bench/harness/report.ts'

const report: Report = {
  case: 'validate', node: '26.0.0', cpu: 'Some CPU',
  figures: [figure('validate', 'ns', [500, 400, 600])],
  ratios: [ratio('validate/floor', [500, 400, 600], [400, 400, 400])]
}

describe('the report', () => {
  test('its JSON has exactly the agreed form', () => {
    expect(JSON.parse(reportJson(report))).toStrictEqual({
      case: 'validate', node: '26.0.0', cpu: 'Some CPU',
      figures: [{ name: 'validate', unit: 'ns', median: 500, low: 400, high: 600 }],
      ratios: [{ name: 'validate/floor', median: 1.25, low: 1, high: 1.5 }]
    })
  })

  test('a number that JSON cannot hold is an error, not a null', () => {
    const broken = { ...report, ratios: [{ name: 'x/y', median: 1, low: 1, high: Infinity }] }
    expect(() => reportJson(broken)).toThrow('x/y came out as Infinity')
  })

  test('a person sees figures, ratios and whether they stay within reach', () => {
    const text = renderReport(report, { 'validate/floor': 1.5 })
    expect(text).toContain('validate on Some CPU, Node 26.0.0')
    expect(text).toMatch(/validate\/floor\s+ratio\s+1\.250\s+1\.000\s+1\.500\s+at most 1\.5: reached/)
    expect(renderReport(report, { 'validate/floor': 1.2 })).toContain('at most 1.2: MISSED')
  })
})
