import * as fc from 'fast-check'
import { EndReason, type Revocation } from '../../../core/domain/events.ts'
import type { CommandId, SessionId } from '../../../core/domain/ids.ts'
import { position } from '../../../core/log/position.ts'
import type { Message, Sender } from '../../../core/store/broadcast.ts'

const positions = fc.array(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { maxLength: 12 }).map(position)
const commands = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/) as fc.Arbitrary<CommandId>
/** Any text, lone surrogates too. */
const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 256 }).filter((name) => name.length <= 256)
const millis = fc.integer({ min: 0, max: 281_474_976_710_655 })
const sessions =
  fc.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as fc.Arbitrary<SessionId>
const reasons = fc.constantFrom(...EndReason.literals)
const envelope = { v: fc.constant(1 as const), at: millis, by: names, command: commands, reason: reasons }
const before = fc.option(millis)

const events: fc.Arbitrary<Revocation> = fc.oneof(
  fc.record({
    ...envelope, type: fc.constant('SessionEnded' as const), session: sessions, subject: fc.option(names),
    tenant: fc.option(names), actor: names
  }, { requiredKeys: ['v', 'at', 'by', 'command', 'reason', 'type', 'session', 'subject', 'tenant'] }),
  fc.record({
    ...envelope, type: fc.constant('SubjectRevoked' as const), subject: names,
    except: fc.array(sessions, { maxLength: 64 }), before
  }),
  fc.record({ ...envelope, type: fc.constant('TenantRevoked' as const), tenant: names, before }),
  fc.record({ ...envelope, type: fc.constant('AllRevoked' as const), before })
)

export const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: fc.constant('news' as const), position: positions }),
  fc.record({
    kind: fc.constant('revocation' as const), event: events, appliedAt: positions, acknowledge: fc.boolean()
  }),
  fc.record({ kind: fc.constant('applied' as const), command: commands }),
  fc.record({
    kind: fc.constant('heartbeat' as const), position: positions, serves: fc.boolean(),
    wall: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 })
  }),
  fc.constant({ kind: 'goodbye' as const })
)

export const senders: fc.Arbitrary<Sender> = fc.record({
  node: names, incarnation: fc.string({ minLength: 1, maxLength: 64 }),
  sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
})
