import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** A request as Node's server hands it to the first handler, with this Cookie header. It came over no wire. */
export const requestWith = (cookie: string, socket: Socket): { readonly req: IncomingMessage; readonly res: ServerResponse } => {
  const req = new IncomingMessage(socket)
  req.method = 'GET'
  req.url = '/'
  req.headers = { host: 'localhost', cookie }
  return { req, res: new ServerResponse(req) }
}

export const unconnected = (): Socket => new Socket()
