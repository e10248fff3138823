import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startChild, type Child } from '../../bench/harness/child.ts'

export type EchoProtocol = {
  readonly double: readonly [{ readonly value: number }, { readonly value: number }]
  readonly fail: readonly [null, never]
  readonly die: readonly [null, never]
}

let child: Child<EchoProtocol>
beforeEach(() => { child = startChild<EchoProtocol>(new URL('./children/echo.ts', import.meta.url)) })
afterEach(() => child.stop())

describe('a process that answers', () => {
  test('every question gets its own answer', async () => {
    const values = Array.from({ length: 20 }, (_, value) => value)
    const answers = await Promise.all(values.map((value) => child.ask('double', { value })))
    expect(answers).toEqual(values.map((value) => ({ value: value * 2 })))
  })

  test('what goes wrong there is an error here, and it goes on', async () => {
    await expect(child.ask('fail', null)).rejects.toThrow('as it was asked to')
    expect(await child.ask('double', { value: 4 })).toEqual({ value: 8 })
  })

  test('one that ends leaves nobody waiting', async () => {
    await expect(child.ask('die', null)).rejects.toThrow('ended with 3 before it answered')
  })

  test('stopping it twice is no harm', async () => {
    await child.stop()
    await child.stop()
  })
})
