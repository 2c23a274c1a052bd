/**
 * Reused pieces of memory: fresh large buffers cost a page fault for every 4 KiB. A part is sent piece by piece: a megabyte each costs
 * a quarter of a second of CPU less for a gigabyte than 256 KiB, larger ones gain nothing more.
 */
export class SegmentPool {
  readonly segmentSize: number
  readonly #kept: Buffer[] = []
  readonly #most: number

  /** `most`: free segments kept for later. */
  constructor(segmentSize = 1024 * 1024, most = 40) {
    this.segmentSize = segmentSize
    this.#most = most
  }

  take(): Buffer {
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(this.segmentSize)
  }

  give(segment: Buffer): void {
    if (this.#kept.length < this.#most) this.#kept.push(segment)
  }
}
