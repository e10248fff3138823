import type * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import type { ArchiveUnavailable, ArchiveUnusable, InvalidOptions } from '../../core/errors.ts'
import type { Position } from '../../core/log/position.ts'

/** Which log an archive is of: its kind, and its file, stream or topic. */
export interface ArchiveSource {
  readonly kind: string
  readonly name: string
}

/** The last readable record of a partition that the archive holds: by it the log is known again. */
export interface ArchiveMark {
  readonly partition: number
  readonly offset: number
  readonly at: number
  readonly command: string
}

/** How far an archive has come. */
export interface ArchiveState {
  readonly source: ArchiveSource
  /** The place behind the last record that it holds. */
  readonly position: Position
  readonly marks: readonly ArchiveMark[]
}

/**
 * An archive that is open. Until the scope closes nobody else writes to it; or whoever opens it then takes it over, and
 * nothing of this one comes into it any more: its next append fails with `ArchiveUnusable`.
 */
export interface OpenArchive {
  /** How far it has come; null: there is nothing in it yet. */
  readonly state: ArchiveState | null
  /**
   * Puts the lines (JSON, without line ends) behind those that are there, and the state in the place of the one before:
   * both or neither, durably, whatever dies meanwhile. After a failure it takes no more: open it again.
   */
  readonly append: (lines: readonly string[], state: ArchiveState) => Effect.Effect<void, ArchiveUnavailable | ArchiveUnusable>
}

/** Where an archive is kept. This comment and those above are the contract for every kind of it. */
export interface ArchiveTarget {
  /** For messages. */
  readonly name: string
  /** Opens it, and sees to it that what a writer had not finished when it died is gone. */
  readonly open: Effect.Effect<OpenArchive, ArchiveUnusable | ArchiveUnavailable | InvalidOptions, Scope.Scope>
}
