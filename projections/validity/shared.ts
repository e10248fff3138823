/**
 * Shared memory of the length that is given and no other. It is asked for as growable all the same: that kind comes
 * straight from the system and goes straight back to it, on pages of its own, untouched until it is written; the
 * other comes from the C allocator, which writes zeros to all of it (75 us a megabyte instead of 6) and keeps what is
 * freed. Small ones take the allocator: a page each would be more than they need.
 */
const pagesMin = 65_536

const sharedBuffer = (bytes: number): SharedArrayBuffer =>
  bytes < pagesMin ? new SharedArrayBuffer(bytes) : new SharedArrayBuffer(bytes, { maxByteLength: bytes })

/** The length is given, so that the engine takes it for an array like any other and not for one that may grow. */
export const sharedBytes = (bytes: number): Uint8Array => new Uint8Array(sharedBuffer(bytes), 0, bytes)
export const sharedWords = (words: number): Uint32Array => new Uint32Array(sharedBuffer(words * 4), 0, words)
