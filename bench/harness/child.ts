import { fork, type ChildProcess } from 'node:child_process'

/** What a child process is asked, by name: the body of the question and of its answer, both plain JSON. */
export type Protocol<P> = { readonly [K in keyof P]: readonly [body: unknown, reply: unknown] }

export interface Child<P extends Protocol<P>> {
  readonly pid: number
  readonly ask: <K extends keyof P & string>(kind: K, body: P[K][0]) => Promise<P[K][1]>
  /** Ends the process, and waits until it is gone. */
  readonly stop: () => Promise<void>
  /** Without a chance to do anything more. Resolves when it is gone, and all that it had said was heard. */
  readonly kill: () => Promise<void>
}

/** What a child says without having been asked. */
interface Told { readonly told: unknown }

interface Question { readonly number: number; readonly kind: string; readonly body: unknown }
interface Reply { readonly number: number; readonly reply?: unknown; readonly error?: string }

interface Waiting {
  readonly resolve: (reply: unknown) => void
  readonly reject: (reason: Error) => void
}

/** Waits this long for a child to end by itself before it is killed. */
const stopMs = 5_000

const stopProcess = (child: ChildProcess): Promise<void> => new Promise((resolve) => {
  if (child.exitCode !== null || child.signalCode !== null) { resolve(); return }
  const kill = setTimeout(() => child.kill('SIGKILL'), stopMs)
  child.once('exit', () => {
    clearTimeout(kill)
    resolve()
  })
  if (child.connected) child.disconnect()
  else child.kill('SIGTERM')
})

/** Starts `file` as a process that answers questions (see `serve`). `onTold` is given what it says unasked (`tell`). */
export const startChild = <P extends Protocol<P>>(
  file: URL, flags: readonly string[] = [], onTold: (told: unknown) => void = () => {}
): Child<P> => {
  const child = fork(file, { execArgv: [...flags], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map<number, Waiting>()
  let asked = 0
  child.on('message', (message) => {
    if ('told' in (message as Reply | Told)) return onTold((message as Told).told)
    const { number, reply, error } = message as Reply
    const one = waiting.get(number)
    waiting.delete(number)
    if (error === undefined) one?.resolve(reply)
    else one?.reject(new Error(error))
  })
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const said = new Promise<void>((resolve) => { child.once('disconnect', () => resolve()) })
  // What it had said before its end may be heard after it.
  const gone = Promise.all([exited, said]).then(() => {
    const reason = new Error(`the process ended with ${child.signalCode ?? child.exitCode} before it answered`)
    for (const { reject } of waiting.values()) reject(reason)
    waiting.clear()
  })
  return {
    pid: child.pid!,
    ask: (kind, body) => new Promise((resolve, reject) => {
      const number = asked++
      waiting.set(number, { resolve: resolve as (reply: unknown) => void, reject })
      const question: Question = { number, kind, body }
      child.send(question, (error) => {
        if (error === null) return
        waiting.delete(number)
        reject(error)
      })
    }),
    stop: () => stopProcess(child),
    kill: () => {
      child.kill('SIGKILL')
      return gone
    }
  }
}

const described = (error: unknown): string => error instanceof Error ? error.stack ?? error.message : String(error)

export type Handlers<P extends Protocol<P>> = {
  readonly [K in keyof P]: (body: P[K][0]) => Promise<P[K][1]> | P[K][1]
}

/** Says something to the parent that it did not ask for. */
export const tell = (told: unknown): void => {
  const message: Told = { told }
  // Nobody listens any more when the parent has let go.
  process.send?.(message, () => {})
}

/** Answers the parent's questions in this process; `close` runs when the parent has let go. */
export const serve = <P extends Protocol<P>>(handlers: Handlers<P>, close: () => Promise<void> | void): void => {
  const known = new Map<string, (body: never) => unknown>(Object.entries(handlers))
  process.on('message', (message) => {
    const { number, kind, body } = message as Question
    const handler = known.get(kind)
    const answer = async (): Promise<Reply> => {
      if (handler === undefined) return { number, error: `no answer is known to ${kind}` }
      return { number, reply: await handler(body as never) }
    }
    void answer()
      .catch((error: unknown): Reply => ({ number, error: described(error) }))
      .then((reply) => { process.send?.(reply) })
  })
  process.on('disconnect', () => {
    Promise.resolve(close()).then(() => process.exit(0), (error: unknown) => {
      process.stderr.write(`${described(error)}\n`)
      process.exit(1)
    })
  })
}
