import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Layer from 'effect/Layer'
import type * as Scope from 'effect/Scope'
import * as Stream from 'effect/Stream'
import { type Clock, systemClock } from '../../core/clock.ts'
import {
  ArchiveGap, type ArchiveUnavailable, type ArchiveUnusable, InvalidOptions, type LogDamaged, type LogUnavailable,
  type LogUnusable
} from '../../core/errors.ts'
import { EventLog, type EventLogShape } from '../../core/log/port.ts'
import type { Position } from '../../core/log/position.ts'
import { Batch, type Unwritten } from './batch.ts'
import { lineWriter } from './line.ts'
import { type ArchiveOptions, type ArchiveProgress, type ArchiveSettings, checkOptions } from './options.ts'
import { checkSource, gapBehind } from './same-log.ts'
import { emptyState, sourceOf } from './state.ts'

/** Whatever an archive may fail of. */
export type ArchiveError =
  | InvalidOptions | LogUnavailable | LogUnusable | LogDamaged | ArchiveUnusable | ArchiveUnavailable | ArchiveGap

/** With `follow`: a log that cannot be read is tried again after so long. */
const retryAfter = '1 second'

/**
 * Copies what the log has and the archive does not have yet, each event once, in order, and succeeds at the end that the
 * log had when it began; with `follow` it does not end by itself. `stop`: when it succeeds, what was read is written, and
 * this succeeds. Interrupted or killed it leaves an archive that is whole, and the next run goes on with it.
 */
export const archive = (
  options: ArchiveOptions, stop: Effect.Effect<void> = Effect.never, clock: Clock = systemClock
): Effect.Effect<ArchiveProgress, ArchiveError> => Effect.suspend((): Effect.Effect<ArchiveProgress, ArchiveError> => {
  const settings = checkOptions(options)
  if (settings instanceof InvalidOptions) return Effect.fail(settings)
  return Effect.scoped(Effect.gen(function*() {
    const opened = yield* Effect.raceFirst(open(settings), Effect.as(stop, null))
    if (opened === null) return { events: 0, gaps: 0, position: null, head: null }
    const copying = settings.follow
      ? Effect.raceFirst(copy(settings, opened, clock), ageing(settings, opened.batch))
      : copy(settings, opened, clock)
    const exit = yield* Effect.exit(Effect.raceFirst(copying, stop))
    // What was read before a failure was read well.
    const written = yield* Effect.exit(opened.batch.flush)
    yield* Exit.isFailure(exit) ? exit : written
    return progress(opened.batch, opened.head)
  }))
})

interface Opened {
  readonly log: EventLogShape
  readonly batch: Batch
  readonly head: Position
}

const progress = (batch: Batch, head: Position): ArchiveProgress =>
  ({ events: batch.events(), gaps: batch.gaps(), position: batch.state().position, head })

/** The log first: where there is none, nothing is made at the other end. */
const open = (settings: ArchiveSettings): Effect.Effect<Opened, ArchiveError, Scope.Scope> => Effect.gen(function*() {
  const log = Context.get(yield* Layer.build(settings.from), EventLog)
  const head = yield* log.head
  const target = yield* settings.to.open
  const source = sourceOf(log.status())
  if (target.state !== null) yield* checkSource(settings.to.name, log, source, target.state)
  const state = target.state === null ? emptyState(source) : { ...target.state, source }
  const batch = new Batch(target, state, lineWriter(settings.without), (batch) =>
    settings.onProgress(progress(batch, head)))
  return { log, batch, head }
})

/** Every so often writes what has come, however little. Never succeeds. */
const ageing = ({ batchAgeMs }: ArchiveSettings, batch: Batch): Effect.Effect<never, Unwritten> =>
  Effect.forever(Effect.delay(batch.flush, batchAgeMs))

const copy = (settings: ArchiveSettings, opened: Opened, clock: Clock): Effect.Effect<void, ArchiveError> =>
  Effect.suspend(() => {
    const { log, batch } = opened
    const again = Effect.suspend(() => copy(settings, opened, clock))
    const from = batch.state().position
    return Stream.runForEach(settings.follow ? log.tail(from) : log.read(from), (records) => batch.take(records)).pipe(
      Effect.catchTag('LogDamaged', (damage) =>
        Effect.andThen(bridge(settings, opened, damage, clock), again)),
      Effect.catchTag('LogUnavailable', (error) => {
        if (!settings.follow) return Effect.fail(error)
        settings.onTrouble(error)
        return Effect.delay(again, retryAfter)
      }))
  })

/** Goes over what the log has forgotten before it was archived, if that is wished. */
const bridge = Effect.fnUntraced(function*(
  settings: ArchiveSettings, { log, batch }: Opened, damage: LogDamaged, clock: Clock
) {
  const gap = yield* gapBehind(settings.to.name, log, sourceOf(log.status()), batch.state(), damage)
  if (!settings.acceptGap) {
    return yield* new ArchiveGap({
      ...gap,
      message: `The log has forgotten what stood from ${JSON.stringify(gap.from)} to ${JSON.stringify(gap.to)}, older than `
        + `its retention, and the archive ${settings.to.name} does not have it yet. Restore the log from a copy, or go on `
        + 'without it with acceptGap: true (--accept-gap): a line in the archive then says so.'
    })
  }
  yield* batch.skip(gap, clock.wall())
})
