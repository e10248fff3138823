const form = document.querySelector('#form')
const nodes = document.querySelector('#nodes')
const log = document.querySelector('#log')

const pollMs = 500
const answerMsMax = 6_000
const logLinesMax = 12

const refusals = {
  unknown: 'It knows no session with this cookie.',
  ended: 'Your browser still sends the cookie, but its session has ended.',
  idle: 'The session was not used for too long.',
  absolute: 'The session has lasted as long as it may.',
  superseded: 'Another token has taken its place.',
  stale: 'This node has not heard from the log for too long, so it vouches for nobody.'
}

const element = (name, text, properties = {}) =>
  Object.assign(document.createElement(name), text === undefined ? {} : { textContent: text }, properties)

const tell = (text) => {
  const line = element('li')
  line.append(element('time', new Date().toLocaleTimeString()), element('span', text))
  log.prepend(line)
  while (log.children.length > logLinesMax) log.lastElementChild.remove()
}

const facts = (verdict) => {
  const list = element('dl')
  const { session } = verdict
  const rows = [
    ['session', session.id],
    ['started', new Date(session.startedAt).toLocaleTimeString()],
    ['ends', `${new Date(session.expiresAt).toLocaleTimeString()} at the latest if not used`],
    ['sessions', `${verdict.sessionsOfSubject} of ${session.subject}`]
  ]
  for (const [name, value] of rows) list.append(element('dt', name), element('dd', value))
  return list
}

const view = (verdict) => {
  if (verdict === null) return ['none', 'no answer', element('p', 'The process is stopped, or gone.')]
  if (verdict.ok) return ['yes', `valid: ${verdict.session.subject}`, facts(verdict)]
  if (verdict.reason === 'malformed') {
    return ['none', 'not logged in', element('p', 'Your browser has no session cookie.')]
  }
  return ['no', `refused: ${verdict.reason}`, element('p', refusals[verdict.reason] ?? verdict.reason)]
}

const card = ({ node, verdict }) => {
  const [state, says, more] = view(verdict)
  const item = element('li')
  item.dataset.state = state
  item.append(element('h3', node), element('p', says, { className: 'verdict' }), more)
  return item
}

/** Draws only what changed, so that a screen reader and a selection are left in peace. */
let drawn = ''
const look = async () => {
  const response = await fetch('everywhere')
  const text = await response.text()
  if (text === drawn) return
  drawn = text
  nodes.replaceChildren(...JSON.parse(text).map(card))
}

const ask = async (method, path, body) => {
  const node = form.elements.node.value
  const headers = { 'content-type': 'application/json' }
  const options = method === 'GET' ? {} : { method, headers, body: JSON.stringify(body) }
  const response = await fetch(`${node}${path}`, { ...options, signal: AbortSignal.timeout(answerMsMax) })
  return { node: `node-${node}`, status: response.status, body: await response.json() }
}

const ms = (value) => `${value.toFixed(1)} ms`

const loggedOut = ({ node, status, body }) => {
  if (status !== 200) return `${node} could not log you out: ${body.reason}.`
  const { ended, durableAfterMs, confirmedAfterMs, confirmedBy } = body.receipt
  const what = ended === 1 ? '1 session' : `${ended} sessions`
  return `${node} ended ${what}: durable after ${ms(durableAfterMs)}, and refused on every node for certain after `
    + `${ms(confirmedAfterMs)} (acknowledged by ${confirmedBy.join(', ')}).`
}

const actions = {
  login: async () => {
    const { node, status, body } = await ask('POST', '/login', { name: form.elements.name.value, device: 'browser' })
    tell(status === 200
      ? `${node} logged ${body.session.subject} in: durable after ${ms(body.resolvedAt - body.calledAt)}.`
      : `${node} could not log you in: ${body.reason}.`)
  },
  visit: async () => {
    const { node, status, body } = await ask('GET', '/me')
    tell(status === 200
      ? `${node} says hello to ${body.session.subject}.`
      : `${node} asks you to log in: ${body.reason}.`)
  },
  logout: async () => tell(loggedOut(await ask('POST', '/logout', { confirm: 'cluster' }))),
  everywhere: async () => tell(loggedOut(await ask('POST', '/logout-everywhere', { confirm: 'cluster' })))
}

/** One action at a time. The buttons stay enabled: one that is disabled would lose the keyboard's focus. */
let busy = false
const run = async (action) => {
  if (busy) return
  busy = true
  form.ariaBusy = 'true'
  try {
    await actions[action]()
    await look()
  } catch (error) {
    tell(error.name === 'TimeoutError'
      ? `node-${form.elements.node.value} does not answer. What it was asked for may happen once it runs again.`
      : `The cluster does not answer: ${error.message}.`)
  } finally {
    busy = false
    form.ariaBusy = 'false'
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  void run('login')
})
for (const action of ['visit', 'logout', 'everywhere']) {
  document.querySelector(`#${action}`).addEventListener('click', () => run(action))
}

const watch = async () => {
  if (!document.hidden) await look().catch(() => nodes.replaceChildren(element('li', 'The cluster does not answer.')))
  setTimeout(watch, pollMs)
}
void watch()
