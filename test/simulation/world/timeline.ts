/** One process of the simulation, as far as time is concerned: what is due for it waits while it is paused. */
export class Lane {
  state: 'running' | 'paused' | 'dead' = 'running'
  readonly held: Task[] = []
}

interface Task {
  at: number
  readonly order: number
  readonly lane: Lane | null
  /** Due by its process's own clock, which stands still in a suspended machine. */
  readonly isTimer: boolean
  readonly run: () => void
  isOff: boolean
}

const isBefore = (a: Task, b: Task): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/**
 * The true time of the simulation, in ms from its start, and all that is still to happen, in one order. Whatever runs,
 * runs from here: so the same seed gives the same history.
 */
export class Timeline {
  now = 0
  #order = 0
  /** How many tasks have run. */
  ran = 0
  #heap: Task[] = []

  /** After `ms`; `lane`: the process that it is for, null: the world's. Returns how to call it off. */
  after(ms: number, lane: Lane | null, run: () => void, isTimer = false): () => void {
    const task = { at: this.now + Math.max(0, ms), order: this.#order++, lane, isTimer, run, isOff: false }
    this.#push(task)
    return () => { task.isOff = true }
  }

  /** Runs everything that is due within `ms`, each with all that follows from it in the same tick. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms
    for (let task = this.#heap[0]; task !== undefined && task.at <= until; task = this.#heap[0]) {
      this.#pop()
      if (task.isOff || task.lane?.state === 'dead') continue
      this.now = Math.max(this.now, task.at)
      if (task.lane?.state === 'paused') {
        task.lane.held.push(task)
        continue
      }
      task.run()
      for (let i = 0; i < microtaskDepth; i++) await done
      // The real event loop gets its turn now and then; nothing of the simulation comes from there.
      if (++this.ran % tasksPerTurn === 0) await turn()
    }
    this.now = until
  }

  pause(lane: Lane): void {
    if (lane.state === 'running') lane.state = 'paused'
  }

  /** What was due meanwhile is due now, in its order; or `afterMs` later. */
  resume(lane: Lane, afterMs = 0): void {
    if (lane.state !== 'paused') return
    lane.state = 'running'
    const at = this.now + afterMs
    for (const task of lane.held.splice(0)) if (!task.isOff) this.#push(Object.assign(task, { at }))
  }

  /** The machine of a paused process stood still for `ms`: its timers are due so much later. */
  postpone(lane: Lane, ms: number): void {
    const held = lane.held.splice(0)
    for (const task of held) if (!task.isTimer) lane.held.push(task)
    const tasks = [...this.#heap, ...held.filter(({ isTimer }) => isTimer)]
    for (const task of tasks) if (task.lane === lane && task.isTimer) task.at += ms
    this.#heap = []
    for (const task of tasks) this.#push(task)
  }

  #push(task: Task): void {
    const heap = this.#heap
    let i = heap.push(task) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (isBefore(heap[parent]!, task)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = task
  }

  #pop(): void {
    const heap = this.#heap
    const task = heap.pop()
    if (task === undefined || heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(task, heap[child]!)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = task
  }
}

/** Microtasks that a task gives rise to run with it, and those that they do, so many deep. */
const microtaskDepth = 6
const tasksPerTurn = 512
const done = Promise.resolve()
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
