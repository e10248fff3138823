import type { FaultAct, Step } from '../steps.ts'
import type { Network } from './broadcast.ts'
import type { Cluster, Node } from './cluster.ts'
import type { Coverage } from './coverage.ts'
import type { Timeline } from './timeline.ts'
import type { AppendFault, Cut } from './weather.ts'

type Fault = Extract<Step, { readonly forMs: number }>

const cuts: readonly Cut[] = ['both', 'out', 'in']
const appendFaults: readonly AppendFault[] = ['fails', 'loses-answer', 'slow', 'half']
/** How far a wall clock jumps at most, ms. */
const jumpMsMax = 8_000

/** Does to the machines what a step says. */
export const befall = (
  step: Fault, cluster: Cluster, timeline: Timeline, coverage: Coverage, onWake: (node: Node) => void
): void => {
  const { network } = cluster
  const node = cluster.nodes[step.a % cluster.nodes.length]!
  const acts: Readonly<Record<FaultAct, () => void>> = {
    'cut-log': () => cutLog(cluster, node, step),
    'cut-broadcast': () => cutBroadcast(cluster, network, node, step),
    'cut-both': () => {
      cutLog(cluster, node, step)
      cutBroadcast(cluster, network, node, step)
    },
    'bad-append': () => {
      node.weather.append = appendFaults[step.b % appendFaults.length]!
      cluster.trouble(node, 'append', step.forMs, () => { node.weather.append = 'none' })
    },
    'slow-log': () => {
      node.weather.logDelayMs = step.b % 3 === 0 ? 10 + step.b % 950 : 300 + step.b % 160
      coverage.count('fault', 'log-slow')
      if (step.c % 3 !== 0) cutBroadcast(cluster, network, node, { ...step, c: 0 })
      cluster.trouble(node, 'slow', step.forMs, () => { node.weather.logDelayMs = 0 })
    },
    'bad-messages': () => badMessages(cluster, node, step),
    'replay-message': () => { for (let i = 0; i < 1 + step.c % 4; i++) network.replay(step.b + i * 7) },
    pause: () => still(cluster, timeline, coverage, node, step.forMs, 'paused', onWake),
    suspend: () => still(cluster, timeline, coverage, node, step.forMs, 'suspended', onWake),
    crash: () => {
      if (node.process === undefined) return
      coverage.count('fault', 'crash')
      cluster.crash(node)
      timeline.after(step.forMs, null, () => cluster.start(node))
    },
    stop: () => {
      if (node.process?.lane.state === 'running') {
        coverage.count('fault', 'stop')
        cluster.stop(node, step.forMs)
      }
    },
    'jump-clock': () => {
      coverage.count('fault', 'clock-jump')
      cluster.setClock(node, step.b % 3 === 0 ? 0 : step.c % (2 * jumpMsMax) - jumpMsMax)
    }
  }
  acts[step.does]()
}

const cutLog = (cluster: Cluster, node: Node, step: Fault): void => {
  const { weather } = node
  weather.log = cuts[step.b % cuts.length]!
  weather.hangs = step.c % 2 === 0
  cluster.trouble(node, 'log', step.forMs, () => {
    weather.log = 'none'
    weather.logHealed()
  })
}

const cutBroadcast = (cluster: Cluster, network: Network, node: Node, step: Fault): void => {
  const { weather } = node
  weather.broadcast = cuts[step.c % cuts.length]!
  weather.noticed = step.b % 2 === 0
  network.tell(node.name)
  cluster.trouble(node, 'broadcast', step.forMs, () => {
    weather.broadcast = 'none'
    network.tell(node.name)
  })
}

const badMessages = (cluster: Cluster, node: Node, step: Fault): void => {
  const { weather } = node
  const percent = 5 + step.b % 60
  weather.lost = step.c % 2 === 0 ? percent : 0
  weather.delayed = step.c % 3 === 0 ? percent : 0
  weather.doubled = step.c % 3 === 1 ? percent : 0
  weather.damaged = step.c % 5 === 0 ? percent : 0
  cluster.trouble(node, 'broadcast', step.forMs, () => {
    weather.lost = weather.delayed = weather.doubled = weather.damaged = 0
  })
}

/** A process that runs on after its machine was suspended looks at the wall clock within this time (TrustedTime). */
const noticesAfterMs = 1.1
/** What was on its way to a suspended machine comes when its connections are back. */
const reconnectsAfterMs = 40

/** The process does not run; a suspended machine's monotonic clock does not, either. */
const still = (
  cluster: Cluster, timeline: Timeline, coverage: Coverage, node: Node, ms: number, kind: 'paused' | 'suspended',
  onWake: (node: Node) => void
): void => {
  const lane = node.process?.lane
  if (lane?.state !== 'running') return
  coverage.count('fault', kind)
  timeline.pause(lane)
  cluster.trouble(node, kind, ms, () => {
    if (kind === 'suspended') {
      node.machine.stoodStill(ms)
      timeline.postpone(lane, ms)
    }
    timeline.resume(lane, kind === 'suspended' ? reconnectsAfterMs : 0)
    timeline.after(kind === 'suspended' ? noticesAfterMs : 0, lane, () => onWake(node))
  })
}
