import type * as Layer from 'effect/Layer'
import { systemClock } from '../core/clock.ts'
import { makeRandom } from '../core/random.ts'
import type { Sessions } from '../core/store/sessions.ts'
import { type OpenError, type OpenOptions, sessionsLayer, type World } from './node.ts'

export { Sessions, type SessionsShape } from '../core/store/sessions.ts'
export { EventLog, type EventLogShape, type LogStatus, type StoredEvent } from '../core/log/port.ts'
export { Broadcast, type BroadcastShape, type BroadcastStatus, NodeIdentity } from '../core/store/broadcast.ts'
export { memoryLog } from '../core/log/memory.ts'
export { sqliteLog, verifyLog } from '../core/log/sqlite.ts'
export { archive, type ArchiveError } from './archive/archive.ts'
export { archiveFile } from './archive/file.ts'
export { archiveTopic } from './archive/topic.ts'
export type { OpenError, OpenOptions, World } from './node.ts'

/** Real time and the operating system's randomness. */
export const systemWorld: World = { clock: systemClock, random: makeRandom() }

/** The store of one node as a layer. Options as for `openSessions`; `log` is required. */
export const layer = (options: OpenOptions, world: World = systemWorld): Layer.Layer<Sessions, OpenError> =>
  sessionsLayer(options, world)
