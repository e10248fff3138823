import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lineWriter } from '../../../consumers/archive/line.ts'
import { decodeText } from '../../../core/log/codec.ts'
import { event, events } from '../../support/arbitraries.ts'
import { expectedLine } from '../../support/archives.ts'

const place = { partition: 2, offset: 7 }
const parse = (line: string): unknown => JSON.parse(line)

describe('a line of an archive', () => {
  it('is one line, and has all of any event but the digest of a token', () => {
    const write = lineWriter([])
    fc.assert(fc.property(event, (event) => {
      const line = write({ ...place, event })
      expect(line).not.toContain('\n')
      expect(parse(line)).toEqual(expectedLine({ ...place, event }))
      if ('digest' in event) expect(line).not.toContain(event.digest)
    }))
  })

  it('has no more than is wished', () => {
    const write = lineWriter(['attributes', 'device', 'evidence', 'seen'])
    const words = [...Object.values(events)]
    fc.assert(fc.property(fc.oneof(...words), (event) => {
      const { event: shown } = parse(write({ ...place, event })) as { readonly event: object }
      const left = ['digest', 'attributes', 'patch', 'device', 'evidence', 'seen'].filter((name) => name in shown)
      expect(left).toEqual([])
      expect(Object.keys(shown).length).toBeGreaterThanOrEqual(5)
    }))
  })

  it('of a record that cannot be read says why, and nothing of what stands there', () => {
    const secret = 'a-token-that-somebody-put-into-a-record'
    const write = lineWriter([])
    for (const text of [
      secret, JSON.stringify({ v: 9, type: 'Novelty', secret }), JSON.stringify({ v: 1, type: secret }),
      JSON.stringify({ v: 1, type: 'SessionEnded', session: secret, [secret]: secret })
    ]) {
      const record = { ...place, event: decodeText(text) }
      expect(record.event.type).toBe('Unreadable')
      expect(write(record)).not.toContain(secret)
      expect(parse(write(record))).toEqual(expectedLine(record))
    }
  })
})
