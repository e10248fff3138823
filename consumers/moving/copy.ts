import * as Context from 'effect/Context'
import * as Data from 'effect/Data'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Schedule from 'effect/Schedule'
import * as Stream from 'effect/Stream'
import { type DomainEvent, type LogEvent, schemaVersion } from '../../core/domain/events.ts'
import { type CommandId, mintCommandId } from '../../core/domain/ids.ts'
import { CopyRefused, InvalidOptions, type LogDamaged, type LogUnavailable, type LogUnusable } from '../../core/errors.ts'
import { EventLog, type EventLogShape, type StoredEvent } from '../../core/log/port.ts'
import type { Position } from '../../core/log/position.ts'
import { CopyPlan } from '../../projections/moving/plan.ts'
import { MovingNodes } from '../../projections/moving/roster.ts'
import { forgetAfterMs } from '../membership.ts'
import type { OpenOptions, World } from '../node.ts'
import { appendsOf } from './appends.ts'
import { readTarget, type Target } from './target.ts'

/** A log, and what the operator calls it: that stands in both logs and in messages, so it must hold no secret. */
export interface NamedLog {
  readonly log: OpenOptions['log']
  /** 1 to 256 characters, the same each time that a copy is run: like 'sqlite:/var/lib/shop/sessions.db'. */
  readonly name: string
}

/** How far a copy has come. */
export interface CopyProgress {
  /** 'reading': looks what an earlier attempt has copied. 'sealing': from now on no write is taken any more. */
  readonly state: 'reading' | 'copying' | 'sealing' | 'finished'
  /** Events that were appended by this run. */
  readonly copied: number
  /** Up to where the log was read, and where its end was when that was last asked. */
  readonly position: Position
  readonly head: Position
}

/** What to copy, and how. */
export interface CopyOptions {
  readonly from: NamedLog
  readonly to: NamedLog
  /** Seal the log also if some nodes are not ready to go over: they refuse to validate then. Default false. */
  readonly force?: boolean
  /** The log is sealed once a round has brought no more events than this. Default 500. */
  readonly lag?: number
  /** How often a log that does not answer is asked again, each 250 ms. Default 240: a minute. */
  readonly retries?: number
  readonly onProgress?: (progress: CopyProgress) => void
}

/** What a copy came to. */
export interface Copied {
  /** Events that this run appended; less than the log has where an earlier run had begun, or 0 where it had finished. */
  readonly copied: number
}

/** Why a copy stops. After any of them it may be run again, and goes on where it was. */
export type CopyError = CopyRefused | InvalidOptions | LogUnavailable | LogDamaged | LogUnusable

const writerName = 'curfew-copy'

interface Copying {
  readonly from: EventLogShape
  readonly to: EventLogShape
  readonly options: CopyOptions
  readonly world: World
  readonly command: CommandId
  readonly plan: CopyPlan
  readonly nodes: MovingNodes
  copied: number
  head: Position
}

const patiently = ({ retries = 240 }: CopyOptions) => <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.retry(effect, {
    while: ({ _tag }) => _tag === 'LogUnavailable',
    schedule: Schedule.max([Schedule.spaced('250 millis'), Schedule.recurs(retries)])
  })

const says = <T extends LogEvent['type']>(type: T, { wall }: World['clock'], command: CommandId) =>
  ({ type, v: schemaVersion, at: Math.floor(wall()), by: writerName, command }) as const

const tell = (copying: Copying, state: CopyProgress['state']) => Effect.sync(() => {
  const { copied, head, options: { onProgress }, plan } = copying
  onProgress?.({ state, copied, position: plan.position(), head })
})

/** The log to copy to does not answer for good. What was read and not appended must be read again by another run. */
class Stuck extends Data.TaggedError('Stuck')<{ readonly error: LogUnavailable }> {}

/** One after the other: an append is sent when the one before it stands. */
const appendAll = (copying: Copying, events: readonly DomainEvent[]) =>
  Effect.forEach(appendsOf(events), (some) => copying.to.append(some).pipe(
    patiently(copying.options),
    Effect.mapError((error) => new Stuck({ error })),
    Effect.tap(() => Effect.sync(() => { copying.copied += some.length }))), { discard: true })

const unreadable = (name: string, problem: string) => new CopyRefused({
  reason: 'unreadable', nodes: [],
  message: `The log ${name} holds what this version cannot read: ${problem}. Copy it with the newest version that writes it.`
})

const takeBatch = (copying: Copying, batch: readonly StoredEvent[]) => Effect.gen(function*() {
  const { nodes, options, plan, world } = copying
  const events: DomainEvent[] = []
  for (const record of batch) {
    for (const event of plan.take(record)) events.push(event)
    if (record.event.type !== 'Unreadable') nodes.fold(record.event)
  }
  const problem = plan.problem()
  if (problem !== undefined) return yield* Effect.fail(unreadable(options.from.name, problem))
  yield* appendAll(copying, events)
  plan.sweep(Math.floor(world.clock.wall()))
  yield* tell(copying, plan.move().sealedTo === null ? 'copying' : 'sealing')
})

/** Up to the head as it is now. Returns how many records that were. A read that breaks off goes on where it was. */
const round = (copying: Copying) => Effect.gen(function*() {
  const { from, options, plan } = copying
  copying.head = yield* patiently(options)(from.head)
  let records = 0
  const read = Effect.suspend(() => Stream.runForEach(from.read(plan.position()), (batch) => {
    records += batch.length
    return takeBatch(copying, batch)
  })).pipe(Effect.catchTag('Stuck', ({ error }) => Effect.fail(error)))
  yield* patiently(options)(read)
  plan.reached()
  return records
})

const moved = ({ from, to }: CopyOptions, sealedTo: string) => new CopyRefused({
  reason: 'moved', nodes: [],
  message: `The log ${from.name} was moved to ${sealedTo} already, so it cannot be moved to ${to.name}.`
})

const notReady = (nodes: readonly string[]) => new CopyRefused({
  reason: 'not-ready', nodes,
  message: `These nodes would not go over to the new log, and refuse everybody once the old one is sealed: ${nodes.join(', ')}. `
    + 'Start them with the option movingFrom, and run the copy again. A node that died without a word is forgotten after an hour.'
})

/** Whether the log may be sealed as things stand. */
const allowed = ({ nodes, options, plan, world }: Copying): Effect.Effect<void, CopyRefused> => Effect.suspend(() => {
  const { sealedTo, copy } = plan.move()
  if (sealedTo !== null) return sealedTo === options.to.name ? Effect.void : Effect.fail(moved(options, sealedTo))
  if (copy === 'copying') {
    return Effect.fail(unreadable(options.from.name, 'it is itself a copy that was not finished; finish that one first'))
  }
  const unready = options.force === true ? [] : nodes.unready(world.clock.wall() - forgetAfterMs)
  return unready.length === 0 ? Effect.void : Effect.fail(notReady(unready))
})

const partitionsOf = (head: Position): number => Math.max(1, head.length)

const carryOver = (copying: Copying) => Effect.gen(function*() {
  const { from, options, plan, world } = copying
  const { lag = 500 } = options
  const isSealed = () => plan.move().sealedAt.size === partitionsOf(copying.head)
  while ((yield* round(copying)) > lag && !isSealed()) yield* allowed(copying)
  yield* allowed(copying)
  if (!isSealed()) {
    const seal = { ...says('LogSealed', world.clock, copying.command), to: options.to.name }
    yield* patiently(options)(from.append([seal]))
    // What it stands behind comes with it.
    while (!isSealed()) yield* round(copying)
  }
  yield* appendAll(copying, plan.rest())
})

const begin = (
  to: EventLogShape, { started, isStarted, standing }: Target, options: CopyOptions, { clock, random }: World
) => Effect.gen(function*() {
  const first = started
    ?? { ...says('LogCopyStarted', clock, mintCommandId(random)), from: options.from.name }
  if (!isStarted) yield* patiently(options)(to.append([first]))
  const incomplete = standing.incomplete()
  if (incomplete.length > 0) yield* patiently(options)(to.append(incomplete))
  return first.command
})

const run = (from: EventLogShape, to: EventLogShape, options: CopyOptions, world: World) => Effect.gen(function*() {
  const target = yield* patiently(options)(readTarget(to, options.from.name, options.to.name))
  if (target.isFinished) return { copied: 0 }
  const head = yield* patiently(options)(from.head)
  const command = yield* begin(to, target, options, world)
  const plan = new CopyPlan(partitionsOf(head), target.standing)
  const copying: Copying = { from, to, options, world, command, plan, nodes: new MovingNodes(), copied: 0, head }
  yield* tell(copying, 'reading')
  yield* carryOver(copying)
  const finish = { ...says('LogCopyFinished', world.clock, command), from: options.from.name }
  yield* patiently(options)(to.append([finish]))
  yield* tell(copying, 'finished')
  return { copied: copying.copied }
})

const nameProblem = (option: string, value: unknown): InvalidOptions | undefined =>
  typeof value === 'string' && value.length >= 1 && value.length <= 256
    ? undefined
    : new InvalidOptions({ option, message: `The option ${option} must be a name of 1 to 256 characters.` })

const problemOf = ({ from, to }: CopyOptions): InvalidOptions | undefined => {
  for (const [option, given] of [['from', from], ['to', to]] as const) {
    if (!Layer.isLayer(given?.log)) {
      return new InvalidOptions({ option, message: `The option ${option} must be { log, name }, of what sqliteLog({ path }) returns.` })
    }
    const problem = nameProblem(`${option}.name`, given.name)
    if (problem !== undefined) return problem
  }
  return from.name === to.name
    ? new InvalidOptions({ option: 'to', message: 'The two logs must have different names, and be different logs.' })
    : undefined
}

/**
 * Moves the sessions of a cluster from one log to another: copies all events, seals the log that they came from, copies
 * what came before the seal, and says in the other one that it is whole. Nodes with `movingFrom` go over by themselves.
 * Done again after it broke off, it goes on where it was; once it is finished, it does nothing.
 */
export const copyLog = (options: CopyOptions, world: World): Effect.Effect<Copied, CopyError> =>
  Effect.scoped(Effect.gen(function*() {
    const problem = problemOf(options)
    if (problem !== undefined) return yield* Effect.fail(problem)
    const to = Context.get(yield* Layer.build(options.to.log), EventLog)
    const from = Context.get(yield* Layer.build(options.from.log), EventLog)
    return yield* run(from, to, options, world)
  })).pipe(Effect.catchTag('Stuck', ({ error }) => Effect.fail(error)))
