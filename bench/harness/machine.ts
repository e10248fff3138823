import { cpus, loadavg } from 'node:os'

/** The processor's name, as the system tells it. */
export const cpuModel = (): string => cpus()[0]?.model.trim() || 'unknown'

export const nodeVersion = (): string => process.versions.node

/** Why figures taken now would be noisy, if they would. */
export const noise = (): string | undefined => {
  const load = loadavg()[0]!
  return load > 0.5
    ? `the machine is busy (load ${load.toFixed(1)} on ${cpus().length} processors): trust the ratios, not the figures`
    : undefined
}

/** Waits until the event loop has gone round, so that the work of others is not counted as ours. */
export const breathe = async (turns = 3): Promise<void> => {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => { setImmediate(resolve) })
}

/** Nanoseconds on a clock that all processes of the machine share. */
export const nanoseconds = (): bigint => process.hrtime.bigint()

export const elapsedNs = (since: bigint): number => Number(process.hrtime.bigint() - since)
