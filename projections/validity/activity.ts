const chunkLength = 1_024

/** A queue of rows that were seen on this node. Grows by chunks: a long one is never copied. */
export class ActiveRows {
  #chunks: Uint32Array[] = [new Uint32Array(chunkLength)]
  #head = 0
  #tail = 0

  push(row: number): void {
    if (this.#tail === chunkLength) {
      this.#chunks.push(new Uint32Array(chunkLength))
      this.#tail = 0
    }
    this.#chunks[this.#chunks.length - 1]![this.#tail++] = row
  }

  /** The oldest row, or 0: none. */
  take(): number {
    if (this.#head === chunkLength) {
      this.#chunks.shift()
      this.#head = 0
    }
    if (this.#chunks.length === 1 && this.#head === this.#tail) {
      this.#head = 0
      this.#tail = 0
      return 0
    }
    return this.#chunks[0]![this.#head++]!
  }
}
