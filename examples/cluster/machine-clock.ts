/**
 * Milliseconds on the machine's monotonic clock. All processes of one machine read the same clock, so a time taken in
 * one node can be compared with a time taken in another. Wall clocks and HTTP round trips have no part in it.
 */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6
