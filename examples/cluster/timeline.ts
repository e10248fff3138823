import { styleText } from 'node:util'
import { machineMs } from './machine-clock.ts'

const begin = machineMs()
const labelWidth = 66

/** A span of time, as a person reads it. */
export const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`

const stamp = (): string => `${((machineMs() - begin) / 1_000).toFixed(2).padStart(6)} s`

/** A chapter of the timeline, with the time since the start. */
export const heading = (text: string): void => {
  console.log(`\n${styleText('dim', stamp())}  ${styleText('bold', text)}`)
}

/** One thing that happened; `value` is what was measured or found. */
export const line = (text: string, value = ''): void => {
  const dots = styleText('dim', '.'.repeat(Math.max(2, labelWidth - text.length)))
  console.log(value === '' ? `          ${text}` : `          ${text} ${dots} ${value}`)
}

export const good = (text: string): void => console.log(`          ${styleText('green', `✓ ${text}`)}`)

export const bad = (text: string): void => console.log(`          ${styleText('red', `✗ ${text}`)}`)
