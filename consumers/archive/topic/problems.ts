import { ArchiveUnavailable, ArchiveUnusable } from '../../../core/errors.ts'
import type { Trouble } from '../../../core/kafka/trouble.ts'

/** Why nothing came into the archive. */
export type Problem = ArchiveUnusable | ArchiveUnavailable

export const unusable = (topic: string, why: string): ArchiveUnusable =>
  new ArchiveUnusable({ message: `The archive in the topic ${topic} cannot be used: ${why}.` })

const withoutStop = (message: string): string => message.replace(/\.$/, '')

/** What a broker did not do, as an error of the archive. */
export const problemOf = (topic: string, trouble: Trouble): Problem => {
  const { kind, message } = trouble
  if (kind === 'fenced') {
    return unusable(topic, 'another archiver has opened it since and goes on with it; or this one stood still in a batch for '
      + 'longer than a minute, or wrote nothing for longer than transactional.id.expiration.ms of the brokers. Run one archiver for a '
      + 'topic, and start it again')
  }
  if (kind === 'large') {
    return unusable(topic, `${withoutStop(message)}. Raise its max.message.bytes with kafka-configs --alter, and start again`)
  }
  if (kind === 'gone' || kind === 'refused') {
    return unusable(topic, `${withoutStop(message)}. Look at what this user may do with the topic, with the one of its `
      + 'position, and with its transactional id')
  }
  return new ArchiveUnavailable({
    message: `The archive in the topic ${topic} cannot be written now: ${withoutStop(message)}. What it holds is whole.`, cause: trouble
  })
}
