import { RedisStore } from 'connect-redis'
import { createClient } from 'redis'
import type { Peer } from '../harness/peer.ts'
import { startRedis } from '../harness/redis.ts'
import { openExpress, type Store } from './express.ts'

export const connectRedis: Peer = {
  name: 'connect-redis',
  revokes: 'one session, on every node, at the price of a round trip for every request',
  cannot: 'all of a subject, but by a scan; anything while Redis is away; a request in flight may revive an ended one',
  open: async (subjects) => {
    const redis = await startRedis()
    const client = createClient({ url: redis.url })
    // Without a listener an error of the connection would end the process.
    client.on('error', (error: Error) => { process.stderr.write(`redis: ${error.message}\n`) })
    await client.connect()
    const store = new RedisStore({ client, prefix: 'myapp:' })
    return openExpress(subjects, store as unknown as Store, async () => {
      client.destroy()
      await redis.stop()
    })
  }
}
