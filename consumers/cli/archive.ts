import { archive, type ArchiveProgress, type Omission } from '../archive.ts'
import { addressUsage, archiveAt, logAt } from './address.ts'
import { type Command, exitCodes, neededText, textOf, type Values, type World } from './command.ts'

const usage = `--from ADDRESS --to FILE.ndjson.gz
  or   curfew archive --from ADDRESS --to kafka:HOST:PORT,...?topic=NAME
  --from ADDRESS     the log
  --to FILE          the archive: lines of JSON, gzip; made where there is none, gone on with where there is one;
                     or a topic in Kafka, whose readers need isolation.level=read_committed
  --follow           goes on with what is yet to come, until it is stopped
  --batch-age TIME   with --follow: an event waits so long at most for others to be written with (5 seconds)
  --without NAMES    leaves out more than the digests of tokens: attributes, device, evidence, seen (comma-separated)
  --accept-gap       goes on where the log has forgotten events before they were archived, and says so in a line
Each event is in the archive once, whatever it is stopped by. FILE.position beside it says how far it has come, and
for a topic the topic NAME-position.
${addressUsage}`

const namesOf = (text: string | undefined): readonly Omission[] =>
  // Those that are none are named by archive itself.
  text === undefined ? [] : text.split(',').map((name) => name.trim()) as Omission[]

const sum = (counts: readonly number[] | null): number => (counts ?? []).reduce((all, count) => all + count, 0)
const figure = (count: number): string => count.toLocaleString('en')
const told = ({ events, gaps }: ArchiveProgress): string =>
  `${figure(events)} events archived${gaps === 0 ? '' : `, ${figure(gaps)} gaps accepted`}`

/** A line on a terminal that is written over. */
const showOn = (terminal: World['terminal'], follow: boolean) => (progress: ArchiveProgress): void => {
  const part = Math.min(100, 100 * sum(progress.position) / Math.max(1, sum(progress.head)))
  terminal?.write(`\r\x1b[K${told(progress)}${follow ? '' : `, ${part.toFixed(0)} %`}`)
}

const run = async (values: Values, world: World): Promise<number> => {
  const from = neededText(values, 'from', 'sqlite:sessions.db')
  const to = neededText(values, 'to', 'sessions.ndjson.gz')
  const follow = values['follow'] === true
  const batchAge = textOf(values, 'batch-age')
  try {
    const done = await archive({
      from: await logAt('from', from, world.env),
      to: archiveAt('to', to, world.env),
      follow,
      without: namesOf(textOf(values, 'without')),
      acceptGap: values['accept-gap'] === true,
      ...(batchAge === undefined ? {} : { batchAge: batchAge as '5 seconds' }),
      signal: world.signal,
      onProgress: showOn(world.terminal, follow),
      onTrouble: ({ message }) => world.complain(message)
    })
    world.terminal?.write('\r\x1b[K')
    const stopped = world.signal.aborted && !follow
    world.say(`${told(done)}${stopped ? '; stopped before the end: start it again to go on' : ''}`)
    return stopped ? Number(world.signal.reason) : exitCodes.good
  } catch (error) {
    world.terminal?.write('\r\x1b[K')
    throw error
  }
}

export const archiveCommand: Command = {
  line: 'copies the events of a log to a file or a topic, for years, each of them once',
  usage,
  options: {
    from: { type: 'string' }, to: { type: 'string' }, follow: { type: 'boolean' }, 'batch-age': { type: 'string' },
    without: { type: 'string' }, 'accept-gap': { type: 'boolean' }
  },
  run
}
