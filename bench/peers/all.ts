import type { Peer } from '../harness/peer.ts'
import { connectRedis } from './connect-redis.ts'
import { expressSession } from './express-session.ts'
import { fastJwt, fastJwtCached } from './fast-jwt.ts'
import { ironSession } from './iron-session.ts'
import { jose } from './jose.ts'

export const peers: readonly Peer[] = [fastJwt, fastJwtCached, jose, ironSession, expressSession, connectRedis]
