import { TidemarkError } from '../base/index.ts'

/** Where frames go. Neither method may throw, except `begin` with the reason for giving the connection up. */
export interface FrameReceiver {
  /**
   * A response of `size` bytes (correlation id included, size field excluded) begins. Gives the memory that it is
   * received into, at least `size` bytes.
   */
  begin(correlationId: number, size: number): Buffer
  /** The response is complete: the first `size` bytes of what `begin` gave. */
  complete(frame: Buffer): void
}

const stagingBytes = 64 << 10

/**
 * Cuts the bytes of a connection into response frames.
 *
 * At a frame's start, bytes come into a staging buffer, so that many small responses cost one read. As soon as size
 * and correlation id are known the receiver is asked for memory; what is staged (at most 64 KiB) is copied over, and
 * the rest of the frame is read by the kernel straight into that memory. Because the memory is asked for when the
 * response begins, and not when the socket wants a buffer, it does not matter that the socket asks for its next
 * buffer right after each read.
 */
export class FrameReader {
  readonly #receiver: FrameReceiver
  readonly #staging = Buffer.allocUnsafeSlow(stagingBytes)
  #staged = 0
  #body: Buffer | undefined
  #size = 0
  #have = 0

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver
  }

  /** The first bytes that came and are not yet part of a frame, for naming what speaks there. */
  get pending(): Buffer {
    return this.#staging.subarray(0, this.#staged)
  }

  /** Memory for the next read; never empty. */
  space(): Buffer {
    return this.#body === undefined
      ? this.#staging.subarray(this.#staged)
      : this.#body.subarray(this.#have, this.#size)
  }

  /** `count` bytes have been read into what `space()` gave. Throws PROTOCOL_ERROR, or what `begin` threw. */
  filled(count: number): void {
    if (this.#body === undefined) {
      this.#staged += count
      this.#consume()
      return
    }
    this.#have += count
    if (this.#have === this.#size) this.#finish(this.#body)
  }

  #consume(): void {
    let at = 0
    while (this.#body === undefined && this.#staged - at >= 8) {
      const size = this.#staging.readInt32BE(at)
      if (size < 4) {
        throw new TidemarkError('PROTOCOL_ERROR', `A broker announced a response of ${size} bytes`)
      }
      const body = this.#receiver.begin(this.#staging.readInt32BE(at + 4), size)
      const here = Math.min(size, this.#staged - at - 4)
      this.#staging.copy(body, 0, at + 4, at + 4 + here)
      at += 4 + here
      this.#body = body
      this.#size = size
      this.#have = here
      if (here === size) this.#finish(body)
    }
    if (at > 0) this.#staging.copyWithin(0, at, this.#staged)
    this.#staged -= at
  }

  #finish(body: Buffer): void {
    this.#body = undefined
    this.#receiver.complete(body.subarray(0, this.#size))
  }
}
