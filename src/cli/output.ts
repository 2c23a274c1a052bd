import type { Writable } from 'node:stream'

/**
 * A stream that others may close early (`kafka-backup list | head`): what is written after that goes nowhere, and the job
 * goes on.
 */
export class Output {
  readonly stream: Writable & { readonly isTTY?: boolean }
  #open = true

  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#open = false
      if (error.code !== 'EPIPE' && error.code !== 'EIO' && error.code !== 'ERR_STREAM_DESTROYED') throw error
    })
  }

  /** Whether somebody looks at it who can see it change. */
  get live(): boolean {
    return this.#open && this.stream.isTTY === true
  }

  write(text: string): void {
    if (this.#open) this.stream.write(text)
  }

  line(text = ''): void {
    this.write(`${text}\n`)
  }

  /** Writes piece by piece, no faster than they are taken. */
  async writeAll(pieces: Iterable<string>): Promise<void> {
    for (const piece of pieces) {
      this.write(piece)
      if (this.stream.writableNeedDrain) await this.flushed()
    }
  }

  /** Resolves when all that was written has been handed over, or nobody takes it any more. */
  async flushed(): Promise<void> {
    if (!this.#open || this.stream.writableLength === 0) return
    await new Promise<void>((resolve) => {
      this.stream.once('error', () => resolve())
      this.stream.write('', () => resolve())
    })
  }
}
