import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Layer from 'effect/Layer'
import * as Scope from 'effect/Scope'
import { natsBroadcast, type NatsOptions } from '../../../consumers/broadcast/nats.ts'
import {
  Broadcast, type BroadcastShape, type Message, NodeIdentity, type Sender
} from '../../../core/store/broadcast.ts'

/** One node on NATS, and all that it hears. */
export interface NatsNode extends BroadcastShape {
  readonly heard: Array<readonly [Message, Sender]>
  readonly leave: () => Promise<void>
}

/** Rejects with the layer's typed error. */
export const openNode = async (node: string, options: NatsOptions): Promise<NatsNode> => {
  const scope = Scope.makeUnsafe()
  const layer = natsBroadcast(options).pipe(Layer.provide(Layer.succeed(NodeIdentity, { node, incarnation: '1' })))
  const shape = Context.get(await Effect.runPromise(Layer.buildWithScope(layer, scope)), Broadcast)
  const heard: NatsNode['heard'] = []
  await Effect.runPromise(Scope.provide(shape.subscribe((message, from) => { heard.push([message, from]) }), scope))
  return { ...shape, heard, leave: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}
