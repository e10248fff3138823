import type { OpenOptions } from '../../consumers/node.ts'
import { sqliteLog } from '../../index.ts'

/** The log that the nodes share, in a form that can be told to a process. */
export type LogChoice = { readonly kind: 'sqlite'; readonly path: string; readonly retentionMs?: number }

export const logOf = (choice: LogChoice): NonNullable<OpenOptions['log']> => {
  switch (choice.kind) {
    case 'sqlite': return sqliteLog({ path: choice.path, retention: choice.retentionMs ?? 'forever' })
  }
}
