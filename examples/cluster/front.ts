import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { fetchPage } from './browser.ts'
import type { Cluster, ClusterNode } from './cluster.ts'

const portFirst = 3_000
const portLast = 3_099

const file = (name: string, type: string) =>
  ({ type: `${type}; charset=utf-8`, text: readFileSync(new URL(`page/${name}`, import.meta.url)) })

const csp = "default-src 'self'; img-src data:; frame-ancestors 'none'"

const files: Readonly<Record<string, ReturnType<typeof file>>> = {
  '/': file('index.html', 'text/html'),
  '/page.css': file('page.css', 'text/css'),
  '/page.js': file('page.js', 'text/javascript')
}

/** Hands the request to the node, cookie, origin and all, and its answer back. */
const passOn = (node: ClusterNode, path: string, from: IncomingMessage, to: ServerResponse): void => {
  const { method, headers } = from
  const call = request({ host: '127.0.0.1', port: node.port, method, path, headers }, (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(to)
  })
  call.on('error', () => {
    if (!to.headersSent) to.writeHead(502, { 'content-type': 'application/json' })
    to.end(JSON.stringify({ reason: `${node.name} does not answer` }))
  })
  from.pipe(call)
}

/** How long a node may take to say what it sees; one that was stopped says nothing. */
const peekMsMax = 400

/** What each node says about the cookie, side by side. */
const everywhere = async (cluster: Cluster, cookie: string | undefined): Promise<readonly unknown[]> =>
  Promise.all(cluster.nodes.map(async (node) => {
    const signal = AbortSignal.timeout(peekMsMax)
    const verdict = await fetchPage(node.port, { method: 'GET', path: '/peek', cookie, signal })
      .then(({ body }) => body, () => null)
    return { node: node.name, verdict }
  }))

const respond = async (cluster: Cluster, from: IncomingMessage, to: ServerResponse): Promise<void> => {
  const url = from.url ?? '/'
  const found = files[url]
  if (found !== undefined && from.method === 'GET') {
    to.writeHead(200, { 'content-type': found.type, 'content-security-policy': csp })
    to.end(found.text)
    return
  }
  if (url === '/everywhere') {
    const body = await everywhere(cluster, from.headers.cookie)
    to.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
    return
  }
  const [, number, path] = /^\/([1-9])(\/.*)$/.exec(url) ?? []
  const node = cluster.nodes[Number(number) - 1]
  if (node !== undefined && path !== undefined) return passOn(node, path, from, to)
  to.writeHead(404).end()
}

const listen = async (server: Server, port: number): Promise<boolean> => {
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
}

/**
 * One address before the three nodes: /1/login is answered by node 1, /2/login by node 2. So the browser has one cookie
 * for all three, as behind a load balancer, and the person is the one who balances. Returns the port: 3000, or the next
 * that is free.
 */
export const openFront = async (cluster: Cluster): Promise<{ readonly port: number; readonly close: () => void }> => {
  const server = createServer((from, to) => {
    respond(cluster, from, to).catch((error: unknown) => to.destroy(error instanceof Error ? error : undefined))
  })
  for (let port = portFirst; port <= portLast; port++) {
    if (!await listen(server, port)) continue
    const close = () => {
      server.close()
      server.closeAllConnections()
    }
    return { port, close }
  }
  throw new Error(`no free port from ${portFirst} to ${portLast}`)
}
