import { describe, expect, it } from 'vitest'
import { InvalidOptions } from '../../../core/errors.ts'
import { memoryLog, type MemoryLogOptions } from '../../../core/log/memory.ts'
import { suite } from '../../contract/event-log.ts'
import { LogNode } from '../../support/log-node.ts'

const dispose = async () => undefined
suite('memory', async () => ({ layer: memoryLog(), dispose }))
suite('memory, with three partitions', async () => ({ layer: memoryLog({ partitions: 3 }), dispose }))

describe('the options of memoryLog', () => {
  it.each<[string, unknown]>([
    ['partitions', { partitions: 0 }], ['partitions', { partitions: 65 }], ['partitions', { partitions: 1.5 }],
    ['partitions', { partitions: '2' }], ['partition', { partition: 2 }], ['memoryLog', null], ['memoryLog', 'x']
  ])('%s is named where it is wrong: %o', async (option, options) => {
    const error = await LogNode.open(memoryLog(options as MemoryLogOptions)).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(InvalidOptions)
    expect((error as InvalidOptions).option).toBe(option)
    expect((error as InvalidOptions).message).toContain(option)
  })
})
