import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

/** A request as Node's server hands it to the first handler, with this Cookie header. It came over no wire. */
export const requestWith = (cookie: string, socket: Socket): Exchange => {
  const req = new IncomingMessage(socket)
  req.method = 'GET'
  req.url = '/'
  req.headers = { host: 'localhost', cookie }
  return { req, res: new ServerResponse(req) }
}

export const unconnected = (): Socket => new Socket()
