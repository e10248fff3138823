import { verifyLog } from '../../index.ts'
import { sqlitePath } from './address.ts'
import { type Command, exitCodes, neededText, type Values, type World, WrongUse } from './command.ts'
import { secretOf } from './secrets.ts'

const usage = `--log PATH
  --log PATH    the file of a log in SQLite; it may be in use
Checks each record, and its hash over the one before. With the key of the log in the environment, CURFEW_KEY or the file
that CURFEW_KEY_FILE names, a beginning that was pruned is told from one that somebody cut off. Exit code 1: not intact.`

const run = async (values: Values, { env, say, complain }: World): Promise<number> => {
  const given = neededText(values, 'log', 'sessions.db')
  if (/^(?!sqlite:)[a-z]+:/.test(given)) throw new WrongUse('--log takes a file: only a log in SQLite has a hash chain to check')
  const key = secretOf(env, 'CURFEW_KEY')
  const found = await verifyLog(sqlitePath(given) ?? given, key === undefined ? {} : { key })
  say(`${found.intact ? 'intact' : 'NOT INTACT'}: ${found.records} records${found.intact ? '' : ' are good'}, ${found.pruned} were pruned, `
    + `${found.unreadable} are of a newer version or kind`)
  say(`ends behind record ${found.position.join(', ')} with the hash ${found.hash}`)
  if (found.problem !== null) complain(found.problem)
  return found.intact ? exitCodes.good : exitCodes.failed
}

export const verifyCommand: Command = {
  line: 'checks the hash chain of a log in SQLite',
  usage,
  options: { log: { type: 'string' } },
  run
}
