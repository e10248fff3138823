import type { Coverage } from './world/coverage.ts'

/** Everything that has to happen in a set of simulations, or they prove nothing. */
const expected = {
  fault: [
    'append-fails', 'append-half', 'append-loses-answer', 'append-slow', 'broadcast-cut', 'clock-jump', 'crash', 'log-cut',
    'log-hangs', 'log-pruned', 'log-slow', 'message-damaged', 'message-delayed', 'message-doubled', 'message-lost', 'message-replayed',
    'paused', 'stop', 'suspended', 'writer-dies'
  ],
  final: ['live', 'ended'],
  verdict: ['ok', 'unknown', 'ended', 'idle', 'absolute', 'superseded', 'stale'],
  answer: [
    'authenticate: ok', 'authenticate: unknown', 'authenticate: ended', 'authenticate: idle', 'authenticate: absolute',
    'authenticate: superseded', 'authenticate: stale', 'create: ok', 'create: LogUnavailable', 'create: Conflict',
    'create: TooManySessions', 'rotate: ok', 'rotate: Conflict', 'rotate: NotFound', 'rotate: LogUnavailable',
    'reauthenticate: ok', 'reauthenticate: Conflict', 'update: ok', 'update: Conflict', 'update: NotFound',
    'update: LogUnavailable', 'revoke: ok', 'revoke: LogUnavailable', 'revoke: LogUnavailable, in force',
    'revoke: NotFound', 'revoke: NotConfirmed', 'signal: revoked', 'signal: logout', 'signal: idle', 'signal: absolute',
    'signal: token-reuse', 'signal: evicted', 'signal: superseded', 'signal: closed'
  ]
} as const

/** What never happened. */
export const missing = (coverage: Coverage): readonly string[] =>
  Object.entries(expected).flatMap(([kind, names]) =>
    names.filter((name) => coverage.of(kind, name) === 0).map((name) => `${kind} ${name}`))
