import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** An append that was answered. */
export interface Answered {
  readonly lane: number
  readonly append: number
  readonly count: number
}

/** A process that appends to a log: test/support/children/append.ts. */
export class WriterProcess {
  readonly name: string
  readonly answered: Answered[] = []
  readonly #child: ChildProcess
  readonly #ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  readonly #waiting = new Set<() => void>()
  #errors = ''

  constructor(path: string, name: string, lanes: number, times?: number) {
    this.name = name
    const fixture = join(import.meta.dirname, 'children/append.ts')
    const args = [fixture, path, name, String(lanes), ...(times === undefined ? [] : [String(times)])]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    child.stderr.on('data', (chunk: Buffer) => { this.#errors += chunk.toString() })
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => {
      // A line that the kill cut off is no answer that was heard.
      const [, lane, append, count] = /^(\d+) (\d+) (\d+)$/.exec(line) ?? []
      if (count !== undefined) this.answered.push({ lane: Number(lane), append: Number(append), count: Number(count) })
      for (const look of this.#waiting) look()
    })
    this.#ended = new Promise((resolve) => {
      let left = 2
      let how: { readonly code: number | null; readonly signal: NodeJS.Signals | null } = { code: null, signal: null }
      const one = () => { if (--left === 0) resolve(how) }
      child.on('exit', (code, signal) => { how = { code, signal }; one() })
      lines.on('close', one)
    })
  }

  /** Resolves when so many of its appends have been answered. */
  answers(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.answered.length < count) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      const early = () => new Error(`${this.name} ended after ${this.answered.length} answers: ${this.#errors}`)
      void this.#ended.then(() => reject(early()))
      look()
    })
  }

  /** Without a chance to do anything more. Resolves when it is gone and all that it said was heard. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Resolves when it has ended by itself, and rejects if something went wrong in it. */
  async ended(): Promise<void> {
    const { code } = await this.#ended
    if (code !== 0) throw new Error(`${this.name} ended with ${code}: ${this.#errors}`)
  }
}
