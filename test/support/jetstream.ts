import { type JetstreamLogOptions, jetstreamLog } from '../../core/log/jetstream.ts'
import type { LogUnderTest } from '../contract/event-log.ts'
import type { NatsServer } from './nats-server.ts'
import { startNatsServer } from './nats-server.ts'
import { temporaryFolder } from './temp.ts'

let made = 0
/** A cluster's name that no other test of this file uses. */
export const newCluster = (): string => `t${++made}`

/** A server of our own with JetStream, whose streams outlive its death. */
export const startJetstream = (...args: readonly string[]): Promise<NatsServer> =>
  startNatsServer(['-js', '-sd', temporaryFolder(), ...args])

/** A log of its own for each test. The stream ends with its server. */
export const newLog = (options: Omit<JetstreamLogOptions, 'cluster'>): ReturnType<typeof jetstreamLog> =>
  jetstreamLog({ cluster: newCluster(), ...options })

/** The same, for the contract of logs. */
export const newLogUnderTest = async (options: Omit<JetstreamLogOptions, 'cluster'>): Promise<LogUnderTest> =>
  ({ layer: newLog(options), dispose: async () => undefined })
