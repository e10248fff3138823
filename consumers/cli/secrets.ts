import { readFileSync } from 'node:fs'
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
  if (file === undefined) return given
  let text: string
  try {
    text = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new WrongUse(`the file that ${name}_FILE names cannot be read`, { cause: error })
  }
  if (text === '') throw new WrongUse(`the file that ${name}_FILE names is empty`)
  return text
}

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
  const given = (options: object) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  return { ...given(found), ...(Object.keys(given(tls)).length === 0 ? {} : { tls: given(tls) }) }
}
