import { type FileHandle, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { emptyState } from '../state.ts'
import type { ArchiveState } from '../target.ts'
import { type FilePosition, writePosition } from './position-file.ts'

const compress = promisify(gzip)

/** Writes to an archive that is open, of which so many bytes stand. After a failure it takes no more. */
export class FileWriter {
  readonly #path: string
  readonly #file: FileHandle
  #bytes: number
  #begun: boolean
  #failure: Error | undefined

  /** `begun`: it has a position already. */
  constructor(path: string, file: FileHandle, bytes: number, begun: boolean) {
    this.#path = path
    this.#file = file
    this.#bytes = bytes
    this.#begun = begun
  }

  /** The lines are on the disk before the position says so, and count only when it does. */
  async append(lines: readonly string[], state: ArchiveState): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const member = await compress(`${lines.join('\n')}\n`)
    let isReplacing = false
    try {
      await this.#checkPlace()
      if (!this.#begun) await this.#begin(state)
      await this.#write(member)
      const bytes = this.#bytes + member.length
      const position: FilePosition = { state, bytes, ends: member.subarray(-8).toString('hex') }
      const { replace } = await writePosition(this.#path, position)
      isReplacing = true
      await replace()
      this.#bytes = bytes
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
      // Gives back the room. Not once the position may have been replaced: it could count on these bytes.
      if (!isReplacing) await this.#file.truncate(this.#bytes).catch(() => undefined)
      throw error
    }
  }

  /** Before the first byte, so that a file with bytes and no position is never one of ours. */
  async #begin({ source }: ArchiveState): Promise<void> {
    const { replace } = await writePosition(this.#path, { state: emptyState(source), bytes: 0, ends: '' })
    await replace()
    this.#begun = true
  }

  async #write(member: Uint8Array): Promise<void> {
    let written = 0
    while (written < member.length) {
      const { bytesWritten } = await this.#file.write(member, written, member.length - written, this.#bytes + written)
      written += bytesWritten
    }
    await this.#file.sync()
  }

  /** What is written to a file that was moved away, or removed, is not in the archive. */
  async #checkPlace(): Promise<void> {
    const own = await this.#file.stat({ bigint: true })
    const there = await stat(this.#path, { bigint: true })
    if (own.ino !== there.ino || own.dev !== there.dev) throw new Error('another file stands in its place')
  }
}
