import type { StreamConfig } from './api.ts'
import type { Checked } from './options.ts'

const nanosecondsPerMs = 1e6
/** A retry within this time is known as one, ms. It costs the server's memory. */
const duplicateWindowMs = 120_000

/** How a stream must be set up to be a log: what must not be otherwise, and what it is made with. */
export const wantedConfig = ({ stream, subject, retentionMs }: Checked, replicas: number): StreamConfig => ({
  name: stream,
  subjects: [subject],
  storage: 'file',
  num_replicas: replicas,
  retention: 'limits',
  // Were there ever a limit, an append would fail at it rather than push an event out.
  discard: 'new',
  max_msgs: -1,
  max_bytes: -1,
  max_msg_size: -1,
  max_msgs_per_subject: -1,
  max_consumers: -1,
  max_age: (retentionMs ?? 0) * nanosecondsPerMs,
  duplicate_window: Math.min(retentionMs ?? Infinity, duplicateWindowMs) * nanosecondsPerMs,
  deny_delete: true,
  deny_purge: true,
  allow_rollup_hdrs: false,
  allow_direct: false
})

type Check = readonly [setting: string, fits: (found: unknown) => boolean, wanted: string]

const is = (value: unknown) => (found: unknown): boolean => found === value
const isOff = (found: unknown): boolean => found === undefined || found === null || found === false
const isEmpty = (found: unknown): boolean => isOff(found) || (Array.isArray(found) && found.length === 0)
const isUnlimited = (found: unknown): boolean => found === undefined || found === -1 || found === 0
const days = (ns: number): string => `${ns} ns (${ns / nanosecondsPerMs / 1_000} s)`

const checks = (wanted: StreamConfig, replicas: number | undefined): readonly Check[] => {
  const subjects = wanted['subjects'] as readonly string[]
  const keep = wanted['max_age'] as number
  const window = wanted['duplicate_window'] as number
  return [
    ['storage', is('file'), 'file'],
    ['subjects', (found) => JSON.stringify(found) === JSON.stringify(subjects), JSON.stringify(subjects)],
    ['num_replicas', (found) => replicas === undefined || found === replicas, String(replicas)],
    ['retention', is('limits'), 'limits'],
    ['discard', is('new'), 'new'],
    ['max_msgs', isUnlimited, '-1'],
    ['max_bytes', isUnlimited, '-1'],
    ['max_msg_size', isUnlimited, '-1'],
    ['max_msgs_per_subject', isUnlimited, '-1'],
    ['max_consumers', isUnlimited, '-1'],
    ['max_age', (found) => found === 0 || (keep !== 0 && typeof found === 'number' && found >= keep),
      keep === 0 ? '0' : `at least ${days(keep)}, or 0`],
    ['duplicate_window', (found) => typeof found === 'number' && found >= window, `at least ${days(window)}`],
    ['deny_delete', is(true), 'true'],
    ['deny_purge', is(true), 'true'],
    ['allow_rollup_hdrs', isOff, 'false'],
    ['allow_msg_ttl', isOff, 'false'],
    ['allow_msg_schedules', isOff, 'false'],
    ['allow_msg_counter', isOff, 'false'],
    ['subject_delete_marker_ttl', (found) => isOff(found) || found === 0, '0'],
    ['persist_mode', (found) => found !== 'async', 'default'],
    ['no_ack', isOff, 'false'],
    ['sealed', isOff, 'false'],
    ['mirror', isOff, 'none'],
    ['sources', isEmpty, 'none'],
    ['subject_transform', isOff, 'none']
  ]
}

/** The first setting of a stream with which it cannot be the log: its name, what was found and what is wanted. */
export const unfitSetting = (found: StreamConfig, options: Checked): string | undefined => {
  const wanted = wantedConfig(options, options.replicas ?? 1)
  const wrong = checks(wanted, options.replicas).find(([setting, fits]) => !fits(found[setting]))
  return wrong && `its setting ${wrong[0]} is ${JSON.stringify(found[wrong[0]])} and must be ${wrong[2]}`
}
