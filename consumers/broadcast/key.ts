import type { Secret } from '../../core/secret.ts'

/** What a cluster's members have in common. */
export interface ClusterOptions {
  /** The cluster's name: 1 to 64 of A-Z a-z 0-9 _ and -. Nodes of other names neither hear nor are heard. */
  readonly cluster: string
  /**
   * The cluster's secret, 16 to 1,024 bytes (a string counts in UTF-8). With it, only messages that were made with it
   * are taken, and every node must have the same. Without it, whoever can publish on the server can end sessions.
   */
  readonly key?: Secret<string | Uint8Array>
}
