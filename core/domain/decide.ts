import { type AttributesProblem, attributesProblem, checkAttributes, mergePatch } from './attributes.ts'
import type { Change, Command, Reauthenticate, Rotate, Standing, Start, Writer } from './commands.ts'
import type { DomainEvent, EndReason } from './events.ts'
import { schemaVersion } from './events.ts'
import type { SessionId } from './ids.ts'
import { absoluteDeadline, confirmable, idleDeadline, type LiveSession, type SessionState } from './session.ts'

/** Why nothing is to be written. A value, for the caller to turn into its error. */
export type Rejection =
  | { readonly code: 'NotFound' }
  | { readonly code: 'Conflict'; readonly expected: number; readonly actual: number }
  | { readonly code: 'TooManySessions'; readonly max: number }
  | { readonly code: 'AttributesInvalid' | 'AttributesTooLarge'; readonly detail: string }

/** What to write, in this order; the last event is the one that the command is about. Empty: it holds already. */
export type Decision =
  | { readonly ok: true; readonly events: readonly DomainEvent[] }
  | { readonly ok: false; readonly rejection: Rejection }

const accept = (...events: readonly DomainEvent[]): Decision => ({ ok: true, events })
const reject = (rejection: Rejection): Decision => ({ ok: false, rejection })

type Named = { readonly id: SessionId; readonly subject: string | null; readonly tenant: string | null }

const envelope = (writer: Writer) =>
  ({ v: schemaVersion, at: writer.at, by: writer.by, command: writer.command }) as const
const of = (session: Named) => ({ session: session.id, subject: session.subject, tenant: session.tenant })

const ended = (session: Named, reason: EndReason, writer: Writer, actor: string | null = null): DomainEvent => ({
  type: 'SessionEnded', ...envelope(writer), ...of(session), reason, ...(actor === null ? {} : { actor })
})

const rejectAttributes = ({ kind, detail }: AttributesProblem): Decision =>
  reject({ code: kind === 'too-large' ? 'AttributesTooLarge' : 'AttributesInvalid', detail })

/**
 * What one subject had on a session is not another's, and what is past its limits is nobody's. The same name in another
 * tenant is another subject.
 */
const passesOn = (before: LiveSession, command: Start, now: number): boolean =>
  (before.subject === null || before.subject === command.subject)
  && (before.tenant === null || before.tenant === command.tenant)
  && now < absoluteDeadline(before) && now < idleDeadline(before)

const startSession = (command: Start, continued: SessionState, writer: Writer): Decision => {
  const before = continued.status === 'live' ? continued : undefined
  const given = checkAttributes(command.attributes)
  if (!given.ok) return rejectAttributes(given.problem)
  const passed = before !== undefined && passesOn(before, command, writer.at)
  const attributes = passed ? mergePatch(before.attributes, given.attributes) : given.attributes
  const problem = passed ? attributesProblem(attributes) : undefined
  if (problem !== undefined) return rejectAttributes(problem)
  const excess = command.subject === null ? 0 : command.standing.length + 1 - command.cap.max
  if (excess > 0 && command.cap.onTooMany === 'refuse') return reject({ code: 'TooManySessions', max: command.cap.max })
  return accept(
    ...(before === undefined ? [] : [ended(before, 'superseded', writer)]),
    ...evict(command.standing.slice(0, Math.max(0, excess)), command.subject, writer),
    {
      type: 'SessionStarted', ...envelope(writer), session: command.session, subject: command.subject,
      tenant: command.tenant, digest: command.digest, limits: command.limits, authentication: command.authentication,
      device: command.device, attributes, continues: before?.id ?? null
    }
  )
}

const evict = (standing: readonly Standing[], subject: string | null, writer: Writer): readonly DomainEvent[] =>
  standing.map(({ id, tenant }) => ended({ id, subject, tenant }, 'evicted', writer))

/**
 * A token that was just given out may be under way to the client. A second rotation beside it would take from the
 * client what it is about to hold, or give it two to choose from: so it is a conflict, and whoever asked goes on with
 * the token that it has. A step-up is not held up.
 */
const isUnderWay = (session: LiveSession, now: number): boolean =>
  session.pending !== null && now < session.pending.issuedAt + session.pending.graceMs

const replaceToken = (command: Rotate | Reauthenticate, session: LiveSession, writer: Writer): Decision => {
  if (command.type === 'Rotate' && isUnderWay(session, writer.at)) {
    return reject({ code: 'Conflict', expected: session.version - 1, actual: session.version })
  }
  const common = {
    ...envelope(writer), ...of(session), expects: session.version, digest: command.digest, graceMs: command.graceMs
  }
  return command.type === 'Rotate'
    ? accept({ type: 'TokenRotated', ...common })
    : accept({ type: 'Reauthenticated', ...common, authentication: command.authentication })
}

const change = (command: Change, session: LiveSession, writer: Writer): Decision => {
  if (command.ifVersion !== null && command.ifVersion !== session.version) {
    return reject({ code: 'Conflict', expected: command.ifVersion, actual: session.version })
  }
  const patch = checkAttributes(command.patch)
  if (!patch.ok) return rejectAttributes(patch.problem)
  const problem = attributesProblem(mergePatch(session.attributes, patch.attributes))
  if (problem !== undefined) return rejectAttributes(problem)
  return accept({
    type: 'AttributesChanged', ...envelope(writer), ...of(session), patch: patch.attributes,
    ...(command.ifVersion === null ? {} : { expects: command.ifVersion })
  })
}

/**
 * What is to be written so that the command holds: events, none (it holds already), or why it cannot be. Pure: time and
 * names come in with the writer. That the log may hold newer events than `state` is no harm: the fold decides (I1).
 */
export const decide = (command: Command, state: SessionState, writer: Writer): Decision => {
  if (command.type === 'Start') return startSession(command, state, writer)
  if (command.type === 'End') {
    return state.status === 'live' ? accept(ended(state, command.reason, writer, command.actor)) : accept()
  }
  if (state.status !== 'live') return reject({ code: 'NotFound' })
  switch (command.type) {
    case 'Rotate':
    case 'Reauthenticate':
      return replaceToken(command, state, writer)
    case 'Confirm':
      return confirmable(state, command.digest, writer.at) !== undefined
        ? accept({ type: 'TokenConfirmed', ...envelope(writer), ...of(state), digest: command.digest })
        : accept()
    case 'Change':
      return change(command, state, writer)
  }
}
