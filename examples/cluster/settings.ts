/** So long at most may a node answer without having compared itself with the log. Short, so that the story is short. */
export const maxStalenessMs = 2_000

/** How many nodes the cluster has. */
export const nodeCount = 3

/** The logs that the example can run on. */
export const logKinds = ['sqlite', 'jetstream', 'kafka'] as const
export type LogKind = (typeof logKinds)[number]
