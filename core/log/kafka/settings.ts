import type { TopicConfig } from '../../kafka/api.ts'
import { majorityOf } from '../../kafka/topics.ts'
import type { Checked } from './options.ts'

/** A batch of this size must fit: the brokers' own default, less what they add to it. */
const messageBytesMin = 1_000_000
/** What a topic is made with. */
const messageBytes = 1_048_588

/** How a topic must be set up to be a log: what it is made with. */
export const wantedConfig = ({ retentionMs }: Checked, replicas: number): TopicConfig => ({
  'cleanup.policy': 'delete',
  'retention.ms': String(retentionMs ?? -1),
  'retention.bytes': '-1',
  'min.insync.replicas': String(majorityOf(replicas)),
  'unclean.leader.election.enable': 'false',
  // How long an event is kept is then a matter of the broker's clock, and not of a node's whose clock is wrong.
  'message.timestamp.type': 'LogAppendTime',
  'max.message.bytes': String(messageBytes),
  // Other kinds of compression cannot be read without more packages.
  'compression.type': 'producer'
})

type Check = readonly [setting: string, fits: (found: string) => boolean, wanted: string]

const is = (value: string) => (found: string): boolean => found === value
const atLeast = (least: number) => (found: string): boolean => Number(found) >= least

const checks = ({ retentionMs }: Checked, replicas: number): readonly Check[] => [
  ['cleanup.policy', is('delete'), 'delete'],
  ['retention.ms', (found) => found === '-1' || (retentionMs !== null && Number(found) >= retentionMs),
    retentionMs === null ? '-1' : `at least ${retentionMs}, or -1`],
  ['retention.bytes', is('-1'), '-1'],
  ['min.insync.replicas', (found) => Number(found) >= majorityOf(replicas) && Number(found) <= replicas,
    `at least ${majorityOf(replicas)} of its ${replicas} replicas`],
  ['unclean.leader.election.enable', is('false'), 'false'],
  ['message.timestamp.type', is('LogAppendTime'), 'LogAppendTime'],
  ['max.message.bytes', atLeast(messageBytesMin), `at least ${messageBytesMin}`],
  ['compression.type', (found) => ['producer', 'uncompressed', 'gzip'].includes(found), 'producer, uncompressed or gzip']
]

/** The names of the settings that are looked at. */
export const settingNames = (checked: Checked): readonly string[] => Object.keys(wantedConfig(checked, 1))

/** The first setting of a topic with which it cannot be the log: its name, what was found and what is wanted. */
export const unfitSetting = (found: TopicConfig, checked: Checked, replicas: number): string | undefined => {
  const wrong = checks(checked, replicas).find(([setting, fits]) => !fits(found[setting] ?? ''))
  return wrong && `its setting ${wrong[0]} is ${found[wrong[0]] ?? 'not known'} and must be ${wrong[2]}`
}
