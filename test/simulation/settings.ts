/** How every node of a simulation is set. Times in ms, short, so that a story of minutes sees everything end. */
export const settings = {
  limits: { idle: 12_000, absolute: 40_000, renew: 8_000 },
  maxStaleness: 1_000,
  grace: 2_000,
  maxSessionsPerSubject: 4,
  writeTimeout: 3_000,
  maxClockSkew: 2_000
} as const

/** How long the log keeps its events, ms: hardly longer than the absolute limit. */
export const retentionMs = 58_000
/** No trouble lasts longer, ms. */
export const troubleMsMax = 8_000
/** After the last step, fair weather for so long: by then all that was owed is written, heard and folded. */
export const settleMs = 12_000
/** How far a machine's monotonic clock may be off: parts per million. */
export const ratePpm = 100
