import type { ChildProcess } from 'node:child_process'
import type { Health, Sessions } from '../../index.ts'
import type { Sighting, Watched, Witness } from './witness.ts'

/** What the parent asks of a node. None of this is open to the network. */
export type Question =
  | { readonly ask: 'watch'; readonly sessions: readonly Watched[] }
  | { readonly ask: 'sightings'; readonly ids: readonly string[] }
  | { readonly ask: 'all-sightings' }
  | { readonly ask: 'forget' }
  | { readonly ask: 'health' }

export interface Answers {
  readonly watch: null
  readonly sightings: readonly Sighting[]
  readonly 'all-sightings': { readonly sightings: readonly Sighting[]; readonly validations: number }
  readonly forget: null
  readonly health: Health
}

interface Envelope { readonly id: number; readonly question: Question }
type Reply = { readonly id: number; readonly answer: unknown }
interface Ready { readonly ready: number }

export interface Served {
  readonly port: number
  readonly witness: Witness
  readonly sessions: Sessions
}

const answerTo = ({ witness, sessions }: Served, question: Question): Answers[Question['ask']] => {
  switch (question.ask) {
    case 'watch':
      witness.watch(question.sessions)
      return null
    case 'sightings':
      return witness.sightings(question.ids)
    case 'all-sightings':
      return { sightings: witness.sightings(), validations: witness.validations }
    case 'forget':
      witness.forget()
      return null
    case 'health':
      return sessions.health()
  }
}

/** In the node: tells the parent where it listens, and answers it from then on. */
export const serveParent = (served: Served): void => {
  process.on('message', ({ id, question }: Envelope) => {
    process.send?.({ id, answer: answerTo(served, question) } satisfies Reply)
  })
  process.send?.({ ready: served.port } satisfies Ready)
}

/** In the parent: the other end of the wire to one node. */
export class Wire {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>()
  #lastId = 0
  /** Resolves with the port that the node listens on. */
  readonly ready: Promise<number>

  constructor(child: ChildProcess, name: string) {
    this.#child = child
    this.ready = new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => {
        const gone = new Error(`${name} has ended (${signal ?? `exit code ${code}`})`)
        reject(gone)
        for (const { reject: tell } of this.#waiting.values()) tell(gone)
        this.#waiting.clear()
      })
      child.on('message', (message: Ready | Reply) => {
        if ('ready' in message) return resolve(message.ready)
        this.#waiting.get(message.id)?.resolve(message.answer)
        this.#waiting.delete(message.id)
      })
    })
  }

  ask<Q extends Question>(question: Q): Promise<Answers[Q['ask']]> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Answers[Q['ask']]), reject })
      this.#child.send({ id, question } satisfies Envelope, (error) => {
        if (error === null || error === undefined) return
        this.#waiting.delete(id)
        reject(error)
      })
    })
  }
}
