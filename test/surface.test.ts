/** What an app can rely on: the doors of the package and what they give, against lists that are written by hand. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as archiveDoor from '../consumers/archive.ts'
import * as copyDoor from '../consumers/copy.ts'
import * as expressDoor from '../consumers/http/express.ts'
import * as fastifyDoor from '../consumers/http/fastify.ts'
import * as fetchDoor from '../consumers/http/fetch.ts'
import * as nodeDoor from '../consumers/http/node.ts'
import * as effectDoor from '../consumers/effect.ts'
import * as natsDoor from '../consumers/broadcast/nats.ts'
import * as jetstreamDoor from '../core/log/jetstream.ts'
import * as kafkaDoor from '../core/log/kafka.ts'
import { EndReason } from '../core/domain/events.ts'
import * as errors from '../core/errors.ts'
import * as door from '../index.ts'
import { parseAll, readTexts, root } from './tidy/files.ts'
import { declarations } from './tidy/public.ts'

const errorClasses = [
  'ArchiveGap', 'ArchiveUnavailable', 'ArchiveUnusable', 'AttributesInvalid', 'AttributesTooLarge', 'BroadcastUnavailable',
  'Closed', 'Conflict', 'CopyRefused', 'InvalidOptions', 'LogDamaged', 'LogUnavailable', 'LogUnusable', 'NotConfirmed',
  'NotFound', 'TooManySessions'
]

const webValues = [
  'Denied', 'requireAll', 'requireLevel', 'requireRecent', 'requireSession', 'requireTenant', 'requireThat'
] as const
const webTypes = [
  'ClearSiteData', 'CookieOptions', 'CsrfOptions', 'Denial', 'DenialCode', 'DeviceEntry', 'Guard', 'Guarded', 'LoggedOut', 'LoginOptions',
  'RequestSession', 'Weakening', 'WebHeader', 'WebOptions', 'WebRequest'
] as const

/** By subpath of the package: the file, what it gives to a program, and what to the type checker alone. */
const doors = {
  '.': {
    file: 'index.ts', loaded: door,
    values: [...errorClasses, 'SessionOver', 'errorCodes', 'memoryLog', 'openSessions', 'sqliteLog', 'verifyLog'],
    types: [
      'Attributes', 'Authentication', 'BroadcastStatus', 'Confirm', 'CreateOptions', 'CurfewError', 'Device',
      'DomainEvent', 'DurationInput', 'EndReason', 'ErrorCode', 'EventsOptions', 'Health', 'Issued', 'LimitsInput',
      'LimitsPreset', 'LogStatus', 'MemoryLogOptions', 'NodeOptions', 'Position',
      'ReauthenticateOptions', 'Receipt', 'Refusal',
      'RevokeOptions', 'RotateOptions', 'Session', 'Sessions', 'SessionsOptions',
      'SqliteLogOptions', 'StoredEvent', 'Target',
      'UpdateOptions', 'Verdict', 'Verification', 'VerifyOptions'
    ]
  },
  './nats': {
    file: 'consumers/broadcast/nats.ts', loaded: natsDoor,
    values: ['natsBroadcast'],
    types: ['ClusterOptions', 'NatsConnectOptions', 'NatsConnection', 'NatsOptions']
  },
  './jetstream': {
    file: 'core/log/jetstream.ts', loaded: jetstreamDoor,
    values: ['jetstreamLog'],
    types: ['JetstreamLogOptions', 'NatsConnectOptions', 'NatsConnection']
  },
  './archive': {
    file: 'consumers/archive.ts', loaded: archiveDoor,
    values: ['archive', 'archiveFile', 'archiveTopic'],
    types: [
      'ArchiveError', 'ArchiveFileOptions', 'ArchiveMark', 'ArchiveOptions', 'ArchiveProgress', 'ArchiveSource', 'ArchiveState',
      'ArchiveTarget', 'ArchiveTopicOptions', 'KafkaConnectOptions', 'KafkaSocketRequest', 'Omission', 'OpenArchive'
    ]
  },
  './copy': {
    file: 'consumers/copy.ts', loaded: copyDoor,
    values: ['copyLog'],
    types: ['Copied', 'CopyError', 'CopyOptions', 'CopyProgress', 'NamedLog']
  },
  './kafka': {
    file: 'core/log/kafka.ts', loaded: kafkaDoor,
    values: ['kafkaLog'],
    types: ['KafkaConnectOptions', 'KafkaLogOptions', 'KafkaSocketRequest']
  },
  './node': {
    file: 'consumers/http/node.ts', loaded: nodeDoor,
    values: [...webValues, 'deny', 'nodeSessions'],
    types: [...webTypes, 'NodeHandle', 'NodeSessions', 'NodeWebOptions']
  },
  './express': {
    file: 'consumers/http/express.ts', loaded: expressDoor,
    values: [...webValues, 'expressSessions', 'guard', 'sessionErrors'],
    types: webTypes
  },
  './fastify': {
    file: 'consumers/http/fastify.ts', loaded: fastifyDoor,
    values: [...webValues, 'fastifySessions', 'guard'],
    types: webTypes
  },
  './fetch': {
    file: 'consumers/http/fetch.ts', loaded: fetchDoor,
    values: [...webValues, 'fetchSessions'],
    types: [...webTypes, 'Connection', 'FetchSessions']
  },
  './effect': {
    file: 'consumers/effect.ts', loaded: effectDoor,
    values: [
      'Broadcast', 'EventLog', 'NodeIdentity', 'Sessions', 'archive', 'archiveFile', 'archiveTopic', 'layer', 'memoryLog', 'sqliteLog',
      'systemWorld', 'verifyLog'
    ],
    types: [
      'ArchiveError',
      'BroadcastShape', 'BroadcastStatus', 'EventLogShape', 'LogStatus', 'OpenError', 'OpenOptions', 'SessionsShape',
      'StoredEvent', 'World'
    ]
  }
} as const

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}
const sources = parseAll(readTexts())

describe.each(Object.entries(doors))('the door %s', (subpath, { file, loaded, values, types }) => {
  it('stands in package.json', () => {
    const built = `./dist/${file.replace(/\.ts$/, '')}`
    expect(manifest.exports[subpath]).toEqual({ types: `${built}.d.ts`, default: `${built}.js` })
  })

  it('gives what is listed here, and nothing else', () => {
    expect(Object.keys(loaded).toSorted()).toEqual([...values].toSorted())
    const names = new Set(declarations(file, sources).map(({ name }) => name))
    expect([...names].toSorted()).toEqual([...values, ...types].toSorted())
  })
})

it('there are no other doors', () => {
  expect(Object.keys(manifest.exports).toSorted()).toEqual([...Object.keys(doors), './package.json'].toSorted())
})

it('a session store has the methods that are promised', async () => {
  await using sessions = await door.openSessions({ log: door.memoryLog(), node: 'surface' })
  expect(Object.keys(sessions).toSorted()).toEqual([
    'authenticate', 'close', 'create', 'events', 'get', 'health', 'list', 'reauthenticate', 'revoke', 'rotate',
    'signal', 'update', 'validate'
  ])
})

const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')

describe('each code of an error', () => {
  const rows = new Map(page.split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .flatMap(([, code, ...cells]) => /^`\w+`$/.test(code ?? '') ? [[code!.slice(1, -1), cells] as const] : []))
  const codes = Object.entries(errors.errorCodes)

  it('has a class, and each class a code', () => {
    const { errorCodes: _, ...classes } = errors
    expect(codes.map(([code]) => code).toSorted()).toEqual(errorClasses)
    expect(Object.keys(classes).toSorted()).toEqual(errorClasses)
    for (const [name, ErrorClass] of Object.entries(classes)) {
      // An error of any class takes any properties at run time: here only its tag and its kind are looked at.
      const error = new (ErrorClass as new (properties: object) => Error & { readonly _tag: string })({ message: 'm' })
      expect([error._tag, error.name, error.message, error instanceof Error]).toEqual([name, name, 'm', true])
    }
  })

  it('has a row in docs/errors.md that says the same of it, whence it comes and what to do', () => {
    expect([...rows.keys()]).toEqual(codes.map(([code]) => code))
    for (const [code, meaning] of codes) {
      const [means, from, advice] = rows.get(code)!
      expect(means).toBe(meaning)
      expect(from).not.toBe('')
      expect(advice).not.toBe('')
    }
    const cases = [...page.matchAll(/case '(\w+)'/g)].map(([, code]) => code)
    expect(cases.length).toBeGreaterThan(0)
    for (const code of cases) expect(rows.has(code!), code).toBe(true)
  })
})

it('docs/errors.md has each way in which a session can be over, and no other', () => {
  const listed = [...page.matchAll(/^- `([\w-]+)`: \S/gm)].map(([, reason]) => reason)
  expect(listed).toEqual([...EndReason.literals, 'unknown', 'closed'])
})
