import { hubBroadcast } from '../../../consumers/broadcast/hub.ts'
import { suite } from '../../contract/broadcast.ts'

const names = ['a', 'b', 'c', 'd']

suite('the hub', async () => {
  const hub = hubBroadcast()
  return {
    layer: hub.broadcast,
    inject: async (cluster, bytes) => hub.inject(cluster, bytes),
    down: async () => names.forEach(hub.cut),
    up: async () => names.forEach(hub.heal),
    still: { reason: 'the hub has no server that could stand still' },
    close: async () => {}
  }
})
