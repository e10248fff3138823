import { InvalidOptions } from './errors.ts'

/** What may name a cluster: it is a part of subjects, of the names of streams, and of messages. */
export const clusterPattern = /^[A-Za-z0-9_-]{1,64}$/

export const checkCluster = (cluster: unknown): string | InvalidOptions =>
  typeof cluster === 'string' && clusterPattern.test(cluster) ? cluster : new InvalidOptions({
    option: 'cluster',
    message: 'The option cluster must be a name of 1 to 64 characters out of A-Z, a-z, 0-9, _ and -.'
  })
