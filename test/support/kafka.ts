import { type KafkaLogOptions, kafkaLog } from '../../core/log/kafka.ts'
import type { LogUnderTest } from '../contract/event-log.ts'
import type { KafkaServer } from './kafka-server.ts'

let made = 0
/** A cluster's name that no other test of this file uses. */
export const newKafkaCluster = (): string => `t${++made}`

type Options = Omit<KafkaLogOptions, 'cluster' | 'brokers'>

/** A log of its own for each test. The topic ends with its broker. */
export const newKafkaLog = (server: KafkaServer, options: Options = {}): ReturnType<typeof kafkaLog> =>
  kafkaLog({ cluster: newKafkaCluster(), brokers: server.address, ...options })

/** The same, for the contract of logs. */
export const newKafkaLogUnderTest = async (server: KafkaServer, options: Options = {}): Promise<LogUnderTest> =>
  ({ layer: newKafkaLog(server, options), dispose: async () => undefined })
