import type { Position } from '../../core/log/position.ts'
import type { Violation } from '../simulation/checker/violation.ts'
import { foldOf, loggedText } from '../simulation/finals.ts'
import type { Final } from '../simulation/history.ts'
import type { LogNode } from '../support/log-node.ts'
import { until } from '../support/until.ts'
import type { Cluster } from './cluster.ts'
import type { Recorder } from './recorder.ts'

const settleWithinMs = 30_000
/** Sessions so near to a deadline are not compared: it may come between two looks. */
const nearMs = 1_000

/** Until all nodes answer again. */
export const allServe = (cluster: Cluster): Promise<void> =>
  until('all nodes serve', () => cluster.serving().length === cluster.nodes.length, settleWithinMs)

/** Until all nodes answer again, and have caught up with their log. */
export const allFresh = (cluster: Cluster): Promise<void> => until('all nodes have caught up', async () =>
  cluster.serving().length === cluster.nodes.length && (await cluster.vitals()).every(({ isFresh }) => isFresh), settleWithinMs)

/** Waits until every node is well; what is wrong with those that are not in time is a promise broken, too. */
export const settled = async (cluster: Cluster, recorder: Recorder): Promise<readonly Violation[]> => {
  await allServe(cluster)
  let last: readonly string[] = []
  const isWell = until('all nodes are well', async () => {
    last = (await cluster.vitals()).filter(({ isWell }) => !isWell).map(({ health }) => health)
    return last.length === 0
  }, settleWithinMs)
  return isWell.then(() => [], () => last.map((text) => ({ rule: 'all are well in the end', at: recorder.now(), text })))
}

/**
 * What each process holds in the end of sessions that started behind a place, beside what the log says; asked until
 * they agree, or for so long.
 */
export const finalsOf = async (
  cluster: Cluster, ids: ReadonlyMap<string, string>, log: LogNode, from: Position
): Promise<readonly Final[]> => {
  let finals: readonly Final[] | undefined
  await until('all hold what the log says', async () => {
    const states = foldOf(await log.read(from))
    const names = [...ids.keys()]
    const logged = names.map((name) =>
      loggedText(states.get(ids.get(name) as Parameters<typeof states.get>[0]), Date.now(), nearMs))
    const held = await cluster.finals([...ids.values()])
    finals = held.flatMap(({ process, texts }) => names.flatMap((session, i): readonly Final[] =>
      logged[i] === undefined ? [] : [{ process, session, logged: logged[i], holds: texts[i]! }]))
    return finals.every(({ holds, logged }) => holds === logged)
  }, settleWithinMs).catch((error: unknown) => {
    // That they differ is for the checker to say; that nobody could be asked is not.
    if (finals === undefined) throw error
  })
  return finals!
}
