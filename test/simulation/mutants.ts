/** A plausible bug: a small patch of one file of ours, made in the simulator's copy of it only. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** Stands in the file once. */
  readonly find: string
  readonly replace: string
  /** A seed that catches it. */
  readonly caughtBy: number
}

const validity = 'projections/validity'

export const mutants: readonly Mutant[] = [
  {
    caughtBy: 1, name: 'of those who exchange a token nobody wins', file: 'core/store/tokens.ts',
    find: '      if (stands) break\n',
    replace: ''
  },
  {
    caughtBy: 1, name: 'attributes are not kept in the index', file: `${validity}/cold.ts`,
    find: '...(Object.keys(attributes).length === 0 ? {} : { attributes }),',
    replace: ''
  },
  {
    caughtBy: 25, name: 'an early end of a session that has not started here is forgotten', file: `${validity}/early-apply.ts`,
    find: `  if (row === 0) {
    space.early.add(event, heardAt, [])`,
    replace: '  if (row === 0) {'
  },
  {
    caughtBy: 61, name: 'freshness is taken after the answer instead of before', file: 'consumers/freshness.ts',
    find: `    const asked = instant(time)
    const head = yield* log.head`,
    replace: `    const head = yield* log.head
    const asked = instant(time)`
  },
  {
    caughtBy: 1, name: 'freshness does not wait for the fold', file: 'consumers/freshness.ts',
    find: '    yield* barrier.reached(head)\n',
    replace: ''
  },
  {
    caughtBy: 48, name: 'a batch of activity sets the clock back', file: `${validity}/fold.ts`,
    find: `if ((state & endedBit) !== 0 || at <= foldedSeen(space, words, base)) continue
    if (at >= seenAt(words, base)) {`,
    replace: 'if ((state & endedBit) !== 0) continue\n    if (at > 0) {'
  },
  {
    caughtBy: 79, name: 'what was heard is never written by the hearer', file: 'consumers/relay.ts',
    find: 'now >= at && overdue.length',
    replace: 'now < 0 && overdue.length'
  },
  {
    caughtBy: 1, name: 'a revocation is applied only once it is durable', file: 'core/store/revoke.ts',
    find: 'const ended = event === null ? 0 : index.applyEarly(event, appliedAt)',
    replace: 'const ended = 0 * index.position().length'
  },
  {
    caughtBy: 1, name: 'the fence never closes', file: 'core/store/fence.ts',
    find: 'return !(monotonic - this.#freshMonotonic <= this.#maxStalenessMs &&',
    replace: 'return !(monotonic >= 0 ||'
  },
  {
    caughtBy: 24, name: 'the fence believes the monotonic clock alone', file: 'core/store/fence.ts',
    find: 'wall - this.#freshWall <= this.#maxStalenessMs)',
    replace: 'wall > 0)'
  },
  {
    caughtBy: 1, name: 'the wall clock may set the trusted time back', file: 'core/store/trusted-time.ts',
    find: 'this.#offset = Math.max(this.#offsetAtStart, this.#clock.wall() - monotonic)',
    replace: 'this.#offset = this.#clock.wall() - monotonic'
  },
  {
    caughtBy: 2, name: 'the cluster is not waited for', file: 'consumers/membership.ts',
    find: 'if (missing().length === 0) return done()',
    replace: 'return done()'
  },
  {
    caughtBy: 4, name: 'the cluster is waited for half as long as its fences need', file: 'consumers/membership.ts',
    find: '* (1 + marginShare) + marginMs',
    replace: '/ 2'
  },
  {
    caughtBy: 1, name: 'a node does not announce itself', file: 'consumers/node.ts',
    find: '    yield* announcing.start\n',
    replace: ''
  },
  {
    caughtBy: 2, name: 'a rotation needs no version', file: 'core/domain/session.ts',
    find: 'return event.expects === state.version ? replacePending(state, event, state.current.authentication) : state',
    replace: 'return replacePending(state, event, state.current.authentication)'
  },
  {
    caughtBy: 1, name: 'an update needs no version', file: 'core/domain/session.ts',
    find: 'if (event.expects !== undefined && event.expects !== session.version) return session',
    replace: ''
  },
  {
    caughtBy: 34, name: 'a wide revocation whose record stands twice ends what started between', file: `${validity}/fold.ts`,
    find: "if (space.commands.has(partition, event.command)) return 'ignored'",
    replace: ''
  },
  {
    caughtBy: 1, name: 'a session is called unknown without asking the log', file: 'core/store/sessions.ts',
    find: "(verdict.reason === 'unknown' || verdict.reason",
    replace: "(verdict.reason"
  },
  {
    caughtBy: 40, name: 'a session is called idle without asking the log', file: 'core/store/sessions.ts',
    find: "|| verdict.reason === 'idle' ||",
    replace: '||'
  },
  {
    caughtBy: 14, name: 'who cannot ask the log answers what it knows', file: 'core/store/sessions.ts',
    find: 'Effect.catch(() => Effect.succeed(unsure))',
    replace: 'Effect.catch(() => Effect.sync(() => validate(token, options)))'
  },
  {
    caughtBy: 34, name: 'a batch that the log did not take is dropped', file: 'consumers/activity.ts',
    find: "yield* append(event).pipe(Effect.retry(Schedule.spaced('250 millis')), Effect.ignore)",
    replace: 'yield* append(event).pipe(Effect.ignore)'
  },
  {
    caughtBy: 1, name: 'activity is never written', file: 'consumers/activity.ts',
    find: 'return seen.length === 0',
    replace: 'return seen.length >= 0'
  },
  {
    caughtBy: 11, name: 'the grace of a token never ends', file: `${validity}/check.ts`,
    find: 'if (!isPending && now >= deadlineAt(words, base)) {',
    replace: 'if (!isPending && now < 0) {'
  },
  {
    caughtBy: 5, name: 'a token that is used again ends nothing', file: 'consumers/node.ts',
    find: '    events.onReuse = chores.endReused\n',
    replace: ''
  },
  {
    caughtBy: 11, name: 'a presented token is never confirmed', file: 'consumers/node.ts',
    find: '    events.onPendingPresented = chores.confirm\n',
    replace: ''
  },
  {
    caughtBy: 3, name: 'an exchange does not look again at what its token has become', file: 'core/store/tokens.ts',
    find: 'if (isLost(state)) return',
    replace: 'if (isLost(state) && state.version < 0) return'
  },
  {
    caughtBy: 3, name: 'a confirmation counts as activity', file: 'core/domain/session.ts',
    find: '    pending: token === session.pending ? null : session.pending,',
    replace: '    lastSeenAt: event.at, pending: token === session.pending ? null : session.pending,'
  },
  {
    caughtBy: 2, name: 'nobody is told of an end', file: `${validity}/space.ts`,
    find: 'if (this.watched.delete(row)) this.events.onEnded(id, reason)',
    replace: 'this.watched.delete(row)'
  },
  {
    caughtBy: 19, name: 'a start whose record stands twice is a second session', file: `${validity}/fold.ts`,
    find: 'if (space.ids.find(space.id) !== 0 || space',
    replace: 'if (space'
  }
]
