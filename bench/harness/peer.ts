/**
 * Another way to do the job: given the Cookie header of a request, tell whose session it is. Each in a file of its own
 * under bench/peers, set up as its own documentation shows.
 */
export interface Peer {
  readonly name: string
  /** What it can take back before it runs out by itself, and what it cannot; for the table. */
  readonly revokes: string
  readonly cannot: string
  /** Opens it with a session for each of these subjects. Throws `Lacking` where the machine has no server for it. */
  readonly open: (subjects: readonly string[]) => Promise<OpenPeer>
}

export interface OpenPeer {
  /** The Cookie header of each subject's session, in their order. */
  readonly cookies: readonly string[]
  /** The subject, or undefined: refused. */
  readonly validate: Validate
  readonly close: () => Promise<void>
}

export type Validate =
  | { readonly kind: 'sync'; readonly subjectOf: (cookie: string) => string | undefined }
  | { readonly kind: 'async'; readonly subjectOf: (cookie: string) => Promise<string | undefined> }
