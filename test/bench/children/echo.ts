import { serve } from '../../../bench/harness/child.ts'
import type { EchoProtocol } from '../child.test.ts'

serve<EchoProtocol>({
  double: ({ value }) => ({ value: value * 2 }),
  fail: () => { throw new Error('as it was asked to') },
  die: () => process.exit(3)
}, () => {})
