import { copyLog, type CopyProgress } from '../copy.ts'
import { addressUsage, logAt } from './address.ts'
import { type Command, exitCodes, neededText, textOf, type Values, type World } from './command.ts'

const usage = `--from ADDRESS --to ADDRESS
  --from ADDRESS     the log that the cluster runs on
  --to ADDRESS       the log that it is to run on
  --create           makes the log to copy to where there is none. Nodes that run with movingFrom have made it already
  --retention TIME   with --create: how long it keeps its events ('90 days')
  --force            seals the log though nodes are not ready, which then refuse everybody
Start all nodes with the new log and movingFrom first: docs/operations.md says how. Stopped at any moment it leaves both logs so
that it can be run again, and goes on where it was; but once the old log is sealed, nobody can write until it is finished.
${addressUsage}`

const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0)
const events = (count: number): string => `${count.toLocaleString('en')} events copied`
const doing: Readonly<Record<CopyProgress['state'], string>> = {
  reading: 'looking at what is there', copying: 'copying', sealing: 'sealed: copying the rest', finished: 'finished'
}

/** A line on a terminal that is written over. */
const show = (terminal: World['terminal'], { copied, head, position, state }: CopyProgress): void => {
  const part = Math.min(100, 100 * sum(position) / Math.max(1, sum(head)))
  terminal?.write(`\r\x1b[K${doing[state]}, ${events(copied)}, ${part.toFixed(0)} %`)
}

const stopped = (isSealed: boolean): string => isSealed
  ? 'Stopped. THE OLD LOG IS SEALED, and nobody can log in or out durably until the copy is finished: run it again now.'
  : 'Stopped. The cluster goes on as before. Run it again to go on.'

const run = async (values: Values, world: World): Promise<number> => {
  const from = neededText(values, 'from', 'sqlite:sessions.db')
  const to = neededText(values, 'to', 'kafka:127.0.0.1:9092?cluster=shop')
  const retention = textOf(values, 'retention')
  let isSealed = false
  try {
    const { copied } = await copyLog({
      from: { log: await logAt('from', from, world.env), name: from },
      to: { log: await logAt('to', to, world.env, values['create'] === true ? { retention } : undefined), name: to },
      force: values['force'] === true,
      signal: world.signal,
      onProgress: (progress) => {
        isSealed ||= progress.state === 'sealing'
        show(world.terminal, progress)
      }
    })
    world.terminal?.write('\r\x1b[K')
    world.say(`${events(copied)}. The nodes go over by themselves: wait until health().move.state is 'moved' on each.`)
    return exitCodes.good
  } catch (error) {
    world.terminal?.write('\r\x1b[K')
    if (error !== world.signal.reason || !world.signal.aborted) throw error
    world.complain(stopped(isSealed))
    return Number(world.signal.reason)
  }
}

export const copyCommand: Command = {
  line: 'moves the sessions of a cluster that runs from one log to another, with no logout',
  usage,
  options: {
    from: { type: 'string' }, to: { type: 'string' }, create: { type: 'boolean' }, retention: { type: 'string' },
    force: { type: 'boolean' }
  },
  run
}
