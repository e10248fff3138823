import type { CommandId } from '../../core/domain/ids.ts'

/** So many of the latest command ids of wide revocations are remembered in each partition. */
export const commandsMax = 65_536

/**
 * Which wide revocations were folded, by partition, in the order of the log: the first occurrence counts, on every node
 * alike. Bounded by what is the same everywhere, the number of them, not by anybody's time.
 */
export class FoldedCommands {
  readonly #byPartition: Set<CommandId>[] = []
  readonly #most: number

  constructor(most: number = commandsMax) {
    this.#most = most
  }

  has(partition: number, command: CommandId): boolean {
    return this.#byPartition[partition]?.has(command) ?? false
  }

  hasAnywhere(command: CommandId): boolean {
    return this.#byPartition.some((commands) => commands?.has(command))
  }

  add(partition: number, command: CommandId): void {
    const commands = this.#byPartition[partition] ??= new Set()
    commands.add(command)
    if (commands.size <= this.#most) return
    for (const oldest of commands) {
      commands.delete(oldest)
      return
    }
  }
}
