import { Presets, SingleBar } from 'cli-progress'

/** How far a long piece of work has come. */
export interface Progress {
  /** Begins a piece of work of so many steps; whatever was shown before is gone. */
  readonly begin: (what: string, steps: number) => void
  readonly step: (steps?: number) => void
  /** Takes the bar away. Harmless when there is none. */
  readonly end: () => void
}

export const silent: Progress = { begin: () => {}, step: () => {}, end: () => {} }

/** A bar on a terminal. Silent where nobody looks: no terminal, or CI. */
export const progressOn = (terminal: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Progress => {
  if (!terminal.isTTY || (env['CI'] !== undefined && env['CI'] !== '' && env['CI'] !== 'false')) return silent
  let bar: SingleBar | undefined
  const end = (): void => {
    bar?.stop()
    bar = undefined
  }
  return {
    begin: (what, steps) => {
      end()
      bar = new SingleBar({
        stream: terminal, format: ` {bar} {percentage} %  ${what}`, clearOnComplete: true, hideCursor: true, barsize: 30
      }, Presets.shades_classic)
      bar.start(Math.max(1, steps), 0)
    },
    step: (steps = 1) => { bar?.increment(steps) },
    end
  }
}
