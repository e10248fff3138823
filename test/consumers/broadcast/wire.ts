import { createHash, createHmac } from 'node:crypto'
import type { DomainEvent, Revocation } from '../../../core/domain/events.ts'
import type { CommandId, Digest, SessionId } from '../../../core/domain/ids.ts'
import { position } from '../../../core/log/position.ts'
import type { Message, Sender } from '../../../core/store/broadcast.ts'

/** The wire format written down a second time, so that a test may say what no node would. */
export const seal = (body: string | Uint8Array, options: {
  readonly cluster?: string
  readonly key?: string
  readonly version?: string
} = {}): Uint8Array => {
  const { cluster = 'shop', key, version = '1' } = options
  const signed = Buffer.concat([Buffer.from(`curfew/${version} ${cluster}\n`), Buffer.from(body)])
  const digest = key === undefined
    ? `sum ${createHash('sha256').update(signed).digest('base64url')}`
    : `key ${createHmac('sha256', key).update(signed).digest('base64url')}`
  return Buffer.concat([Buffer.from(`curfew/${version} ${cluster} ${digest}\n`), Buffer.from(body)])
}

export const sender: Sender = { node: 'app-1', incarnation: '0m3k1c9ab-x7Qz2LpE', sequence: 12 }
const session = '01890a5d-ac96-774b-bcce-b302099a8057' as SessionId
const digest = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg' as Digest
const common = { v: 1, at: 1_750_000_000_000, by: 'app-1', command: 'c0mm4nd' as CommandId } as const
const ofSession = { session, subject: 'ann', tenant: null } as const
const authentication = { level: 'aal1', methods: ['password'], at: 1_750_000_000_000 } as const

/** One good event of each kind there is. */
export const oneOfEach: { readonly [T in DomainEvent['type']]: Extract<DomainEvent, { readonly type: T }> } = {
  SessionStarted: {
    ...common, ...ofSession, type: 'SessionStarted', digest,
    limits: { idle: 1_800_000, absolute: 43_200_000, renew: null },
    authentication, device: null, attributes: { role: 'admin' }, continues: null
  },
  ActivityRecorded: { ...common, type: 'ActivityRecorded', seen: [[session, 1_750_000_000_000]] },
  TokenRotated: { ...common, ...ofSession, type: 'TokenRotated', expects: 1, digest, graceMs: 30_000 },
  TokenConfirmed: { ...common, ...ofSession, type: 'TokenConfirmed', digest },
  Reauthenticated: {
    ...common, ...ofSession, type: 'Reauthenticated', expects: 1, digest, graceMs: 30_000, authentication
  },
  AttributesChanged: { ...common, ...ofSession, type: 'AttributesChanged', patch: { role: 'admin' } },
  SessionEnded: { ...common, ...ofSession, type: 'SessionEnded', reason: 'logout' },
  SubjectRevoked: {
    ...common, type: 'SubjectRevoked', subject: 'ann', except: [session], before: null, reason: 'revoked', actor: 'bob'
  },
  TenantRevoked: { ...common, type: 'TenantRevoked', tenant: 'acme', before: 1_750_000_000_000, reason: 'revoked' },
  AllRevoked: { ...common, type: 'AllRevoked', before: null, reason: 'revoked' },
  AnomalyDetected: {
    ...common, type: 'AnomalyDetected', ignorable: true, kind: 'token-reuse', session, subject: 'ann', evidence: {}
  },
  NodeAnnounced: {
    ...common, type: 'NodeAnnounced', ignorable: true, incarnation: 'x', state: 'joins', fencesAfterMs: null
  },
  LogCopyStarted: { ...common, type: 'LogCopyStarted', from: 'old' },
  LogCopyFinished: { ...common, type: 'LogCopyFinished', from: 'old' },
  LogSealed: { ...common, type: 'LogSealed', to: 'new' }
}

export const revocation = (event: Revocation = oneOfEach.SessionEnded): Message =>
  ({ kind: 'revocation', event, appliedAt: position([41]), acknowledge: true })
