import type { User } from '../../core/nats/attach.ts'
import type { NatsConnection } from '../../core/nats/connection.ts'
import type { End, Wire } from './end.ts'

export const subjectOf = (cluster: string): string => `curfew.${cluster}.v1`

/** Publishes through the connection that is open, if one is. */
export interface NatsWire extends Wire {
  readonly subject: string
  /** What may be published through. Null while there is none: a client queues it, and drops the queue when it dials. */
  readonly open: (connection: NatsConnection) => void
  readonly shut: (connection: NatsConnection) => void
}

export const makeWire = (subject: string): NatsWire => {
  let through: NatsConnection | null = null
  return {
    subject,
    open: (connection) => { through = connection },
    shut: (connection) => { if (through === connection) through = null },
    send: (bytes) => {
      through?.publish(subject, bytes)
      return through !== null
    }
  }
}

/** An end of the broadcast, as the user of the connection that its wire goes through. */
export const wireUser = (wire: NatsWire, end: End): User => ({
  listen: (connection, refused) => connection.subscribe(wire.subject, {
    callback: (error, message) => {
      if (error === null) end.receive(message.data)
      else refused(error.message)
    }
  }),
  // What is published from here on is sent; what is heard is known to be all of it when the server has answered.
  back: wire.open,
  open: (connection) => {
    wire.open(connection)
    end.connection({ connected: true })
  },
  shut: (connection, failure) => {
    if (connection !== null) wire.shut(connection)
    end.connection({ connected: false, failure })
  },
  note: end.note
})
