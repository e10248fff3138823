import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { type Clock, systemClock } from '../../core/clock.ts'
import { ArchiveUnusable } from '../../core/errors.ts'
import { earliest, latest, offsets } from '../../core/kafka/api.ts'
import { loadDriver } from '../../core/kafka/driver.ts'
import type { Trouble } from '../../core/kafka/trouble.ts'
import { revealed } from '../../core/secret.ts'
import type { ArchiveTarget, OpenArchive } from './target.ts'
import { onlyPartition, readFrom } from './topic/api.ts'
import { type ArchiveTopicOptions, checkPlace, type Place, topicOf } from './topic/options.ts'
import { digestOf, lastCommitted, parse, type TopicPosition } from './topic/position.ts'
import { type Problem, problemOf, unusable } from './topic/problems.ts'
import { openTopics, type Part, type Topics } from './topic/topics.ts'
import { TopicWriter } from './topic/writer.ts'

/**
 * An archive in a topic of Kafka, with one partition: each line of JSON is a record without a key, in the order of the
 * archive. The place up to which it has come is in a topic of its own, NAME-position, which is compacted. A batch and the place
 * behind it are one transaction, so a reader with `isolation.level=read_committed` gets each event once, whatever died
 * meanwhile; one without gets what was never committed as well. Whoever opens it takes it over by the transactional id,
 * curfew-archive-NAME: one that wrote before fails with `ArchiveUnusable`, and nothing of it comes in any more.
 *
 * How long the topic keeps its records is for its owner: it is made to keep them for ever, and may be told otherwise. The two
 * topics belong together. Needs the package kafkajs. The user needs to Describe, DescribeConfigs, Read and Write both topics,
 * and to Create them if they are not there; and to Describe and Write the transactional id.
 */
export const archiveTopic = (options: ArchiveTopicOptions): ArchiveTarget => ({
  name: `kafka:${topicOf(options) ?? 'of no name'}`,
  open: Effect.flatMap(revealed(options, checkPlace), (place) => open(place, systemClock))
})

const open = (place: Place, clock: Clock): Effect.Effect<OpenArchive, Problem, Scope.Scope> => Effect.gen(function*() {
  const make = yield* Effect.mapError(loadDriver(place, 'archiveTopic'), (problem) => new ArchiveUnusable(problem))
  const topics = yield* openTopics(place, make, clock)
  const writer = new TopicWriter(topics, clock)
  // First: then nobody else goes on while this reads how far he has come.
  yield* writer.takeOver()
  const found = yield* Effect.mapError(readPosition(topics), (problem) =>
    '_tag' in problem ? problem : problemOf(place.topic, problem))
  if (found === undefined) yield* writer.begin()
  else writer.goOn(found)
  return {
    state: found?.state ?? null,
    append: (lines: readonly string[], state: NonNullable<OpenArchive['state']>) => writer.append(lines, state)
  }
})

/** Where a topic begins and ends. */
const extentOf = ({ topic, brokers }: Part): Effect.Effect<{ readonly from: number; readonly end: number }, Trouble> =>
  Effect.gen(function*() {
    const wire = yield* brokers.leader('ask', onlyPartition)
    const place = (which: typeof earliest | typeof latest) =>
      Effect.map(offsets(wire, topic, [onlyPartition], which), (found) => found.get(onlyPartition) ?? 0)
    return { from: yield* place(earliest), end: yield* place(latest) }
  })

const readOf = ({ topic, brokers }: Part) => (offset: number) =>
  Effect.flatMap(brokers.leader('ask', onlyPartition), (wire) => readFrom(wire, topic, offset))

/** How far the archive has come, checked against what it holds; undefined: it is new. */
const readPosition = ({ events, positions }: Topics): Effect.Effect<TopicPosition | undefined, Trouble | Problem> =>
  Effect.gen(function*() {
    const places = yield* extentOf(positions)
    const text = yield* lastCommitted(places.from, places.end, readOf(positions))
    const { from, end } = yield* extentOf(events)
    if (text === undefined) {
      if (end === 0) return undefined
      return yield* unusable(events.topic, `there is no position of it in ${positions.topic}, so nobody knows how far it has come, or `
        + 'whether it is an archive at all. Archive to another topic')
    }
    const found = parse(text)
    if (found === 'newer') return yield* unusable(events.topic, 'a newer version of curfew has written it. Install that one')
    if (found === undefined) {
      return yield* unusable(events.topic, `its position in ${positions.topic} is damaged, so nobody knows how far it has come. `
        + 'Archive to another topic')
    }
    if (end < found.end) {
      return yield* unusable(events.topic, `it ends at ${end}, and its position at ${found.end}: it was deleted or lost its end. `
        + 'Archive to another topic')
    }
    const last = found.end - 1
    // What its retention has taken out cannot be compared.
    if (found.end === 0 || last < from) return found
    const record = (yield* readOf(events)(last)).find(({ offset }) => offset === last)
    if (record === undefined || record.mark !== null || digestOf(record.text) !== found.last) {
      return yield* unusable(events.topic, `its record ${last} is not the one that was archived last: it was made anew or written to by `
        + 'somebody else. Archive to another topic')
    }
    return found
  })
