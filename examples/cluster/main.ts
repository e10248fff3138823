/**
 * Three nodes, one log, one broadcast: a story, a load, and a page to try it by hand.
 *
 *   npm start              the story, the load, and then a page on http://localhost:3000 until Ctrl-C
 *   npm start -- --once    ends after the table; exit code 1 if a step of the story failed or a verdict was wrong
 *   npm start -- --no-nats on the log's tail alone, as where there is no nats-server
 *   npm start -- --log jetstream    the log in NATS JetStream, on a server of its own, and not in SQLite
 *   npm start -- --log kafka        the log in Kafka, on a broker of its own
 *   npm start -- --users 300
 */
import { parseArgs } from 'node:util'
import { findNatsServer } from '../../test/support/services.ts'
import { Cluster } from './cluster.ts'
import { openFront } from './front.ts'
import { runLoad } from './load.ts'
import { type LogKind, logKinds, maxStalenessMs, nodeCount } from './settings.ts'
import { story } from './story.ts'
import { table } from './table.ts'
import { bad, good, heading, line } from './timeline.ts'

const logNames: Readonly<Record<LogKind, string>> = { sqlite: 'SQLite', jetstream: 'JetStream', kafka: 'Kafka' }

const startCluster = async (cluster: Cluster, log: LogKind, withNats: boolean): Promise<void> => {
  heading(`Start ${nodeCount} nodes on one ${logNames[log]} log`)
  await cluster.start({ log, natsBinary: findNatsServer(), withBroadcast: withNats })
  const { logServer, nats } = cluster
  if (logServer !== undefined) line(`${logServer.version()}, process ${logServer.pid}, ${logNames[log]}`, logServer.url)
  if (nats === undefined) {
    const why = withNats ? 'no nats-server on this machine (npm run services gets one)' : 'no NATS, as you wish'
    line(`${why}: running on the log's own tail alone`)
  } else {
    line(`${nats.version()}, process ${nats.pid}`, nats.url)
  }
  line('the log', cluster.log)
  for (const node of cluster.nodes) line(`${node.name}, process ${node.pid}`, `http://127.0.0.1:${node.port}`)
}

const tellStory = async (cluster: Cluster): Promise<boolean> => {
  for (const step of story) {
    heading(step.title)
    if (step.needsNats === true && cluster.nats === undefined) {
      line('left out: there is no nats-server')
      continue
    }
    try {
      await step.play(cluster)
      good(step.title)
    } catch (error) {
      if (ending) throw error
      bad(`${step.title}: ${error instanceof Error ? error.message : String(error)}`)
      return false
    }
  }
  return true
}

const tellLoad = async (cluster: Cluster, users: number): Promise<boolean> => {
  heading(`${users.toLocaleString('en')} users log in, browse and log out on all nodes at once`)
  const findings = await runLoad(cluster, users)
  const fewer = findings.users < users ? ' (as many as this machine took in that time)' : ''
  line(`${findings.users} users, ${findings.endings} sessions, ${findings.seconds.toFixed(1)} s${fewer}`)
  console.log()
  for (const row of table(findings)) console.log(`          ${row}`)
  console.log()
  line('validations: by a witness in each node, which asks about every session of the run, again and again')
  line('revocation: from the call of revoke, on whichever node, to the first refusal on this node')
  line(`accepted meanwhile: after a durable logout returned, before word came; promised: ${maxStalenessMs} ms at most`)
  const wrong = findings.nodes.flatMap((node) => node.wrong)
  for (const { kind, node, session } of wrong.slice(0, 10)) bad(`${node}, session ${session}: ${kind}`)
  if (wrong.length > 0) bad(`${wrong.length} wrong verdicts (examples/cluster/judge.ts says what that is)`)
  else good('no wrong verdict (examples/cluster/judge.ts says what that would be)')
  return wrong.length === 0
}

const stayUp = async (cluster: Cluster): Promise<never> => {
  const { port } = await openFront(cluster)
  heading(`Try it: http://localhost:${port}`)
  if (port !== 3_000) line('port 3000 is taken, so the page is at the next that is free')
  for (const node of cluster.nodes) line(`${node.name}, process ${node.pid}`, `http://127.0.0.1:${node.port}`)
  line('Ctrl-C ends everything')
  return new Promise(() => {})
}

const misused = (message: string): never => {
  console.error(`${message}\n\nnpm start [-- [--once] [--no-nats] [--log ${logKinds.join('|')}] [--users N]]`)
  process.exit(2)
}

const readArguments = () => {
  try {
    return parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        users: { type: 'string', default: '2000' },
        log: { type: 'string', default: 'sqlite' },
        'no-nats': { type: 'boolean', default: false }
      }
    }).values
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error))
  }
}
const { once, users, log, 'no-nats': noNats } = readArguments()
const logKind = logKinds.find((kind) => kind === log) ?? misused(`--log takes ${logKinds.join(' or ')}, not ${log}`)
const userCount = Number(users)
if (!Number.isSafeInteger(userCount) || userCount < 1) misused(`--users takes a whole number from 1 up, not ${users}`)

const cluster = new Cluster()
/** Everything was told to end: whatever is under way fails, and that is no news. */
let ending = false
const end = async (code: number): Promise<never> => {
  ending = true
  await cluster.stop()
  process.exit(code)
}
let staying = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!ending) void end(staying ? 0 : 130)
  })
}

try {
  await startCluster(cluster, logKind, !noNats)
  const sound = await tellStory(cluster) && await tellLoad(cluster, userCount)
  if (once || !sound) await end(sound ? 0 : 1)
  staying = true
  await stayUp(cluster)
} catch (error) {
  if (!ending) {
    console.error(error)
    await end(1)
  }
}
