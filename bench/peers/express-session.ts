import type { Peer } from '../harness/peer.ts'
import { openExpress, session } from './express.ts'

export const expressSession: Peer = {
  name: 'express-session',
  revokes: 'one session, at once, in this one process',
  cannot: 'anything in another process; all of a subject; a request in flight may revive an ended one',
  open: (subjects) => openExpress(subjects, new session.MemoryStore(), async () => {})
}
