/** Reused pieces of memory: fresh large buffers cost a page fault for every 4 KiB. */
export class SegmentPool {
  readonly segmentSize: number
  readonly #kept: Buffer[] = []
  readonly #most: number

  /** `most`: free segments kept for later. */
  constructor(segmentSize = 256 * 1024, most = 128) {
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
