/** The most records that one batch holds: what a node folds before its event loop gets its turn. */
export const batchLengthMax = 128
