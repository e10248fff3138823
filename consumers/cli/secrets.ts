import { readFileSync } from 'node:fs'
import type { KafkaConnectOptions } from '../archive.ts'
import { type World, WrongUse } from './command.ts'

type Env = World['env']

/**
 * A secret out of the environment: from the variable of this name, or from the file that NAME_FILE names. Never from the
 * command line, which everybody on the machine can read.
 */
export const secretOf = (env: Env, name: string): string | undefined => {
  const [given, file] = [env[name], env[`${name}_FILE`]]
  if (given !== undefined && file !== undefined) throw new WrongUse(`set ${name} or ${name}_FILE, not both`)
  if (given === '') throw new WrongUse(`${name} is empty`)
  return file === undefined ? given : textIn(env, `${name}_FILE`)?.replace(/\r?\n$/, '')
}

/** What stands in the file that a variable names. */
const textIn = (env: Env, name: string): string | undefined => {
  const file = env[name]
  if (file === undefined) return undefined
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new WrongUse(`the file that ${name} names cannot be read`, { cause: error })
  }
  if (text.trim() === '') throw new WrongUse(`the file that ${name} names is empty`)
  return text
}

/** Without what was not given. */
const given = (options: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** How to log in at NATS, and whom to trust there, as the client takes it. */
export const natsLogin = (env: Env): Readonly<Record<string, unknown>> => {
  const found = {
    user: env['CURFEW_NATS_USER'],
    pass: secretOf(env, 'CURFEW_NATS_PASSWORD'),
    token: secretOf(env, 'CURFEW_NATS_TOKEN'),
    creds: secretOf(env, 'CURFEW_NATS_CREDS')
  }
  const tls = {
    caFile: env['CURFEW_NATS_CA_FILE'],
    certFile: env['CURFEW_NATS_CERT_FILE'],
    keyFile: env['CURFEW_NATS_KEY_FILE']
  }
  return { ...given(found), ...(Object.keys(given(tls)).length === 0 ? {} : { tls: given(tls) }) }
}

/** How a user proves who he is. Others, such as OAuth, need a program of their own. */
const kafkaMechanisms: readonly string[] = ['scram-sha-512', 'scram-sha-256', 'plain']

/** How to log in at Kafka, and whom to trust there, as kafkaLog takes it. */
export const kafkaLogin = (env: Env): KafkaConnectOptions => {
  const [username, password] = [env['CURFEW_KAFKA_USER'], secretOf(env, 'CURFEW_KAFKA_PASSWORD')]
  const mechanism = env['CURFEW_KAFKA_MECHANISM'] ?? kafkaMechanisms[0]!
  if ((username === undefined) !== (password === undefined)) {
    throw new WrongUse('set both of CURFEW_KAFKA_USER and CURFEW_KAFKA_PASSWORD, or neither')
  }
  if (!kafkaMechanisms.includes(mechanism)) throw new WrongUse(`CURFEW_KAFKA_MECHANISM is one of ${kafkaMechanisms.join(', ')}`)
  const ssl = given({
    ca: textIn(env, 'CURFEW_KAFKA_CA_FILE'), cert: textIn(env, 'CURFEW_KAFKA_CERT_FILE'), key: textIn(env, 'CURFEW_KAFKA_KEY_FILE')
  })
  return {
    ...(username === undefined ? {} : { sasl: { mechanism, username, password } }),
    ...(Object.keys(ssl).length === 0 ? {} : { ssl })
  }
}
