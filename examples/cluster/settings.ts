/** So long at most may a node answer without having heard from the log. Short, so that the story does not wait for long. */
export const maxStalenessMs = 2_000

/** How many nodes the cluster has. */
export const nodeCount = 3
