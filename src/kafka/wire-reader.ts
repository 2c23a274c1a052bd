import { TidemarkError } from '../base/index.ts'

/** The UUID read last: answers in a row are for the same topic. */
let lastUuid = { text: '0'.repeat(32), bytes: Buffer.alloc(16) }

/**
 * Reads the primitive types of the Kafka protocol from a response, in place. Whatever the bytes are, it never reads
 * beyond them: it throws PROTOCOL_ERROR instead.
 */
export class WireReader {
  readonly buffer: Buffer
  at: number
  readonly #end: number

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer
    this.at = at
    this.#end = buffer.length
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#take(4))
  }

  int64(): bigint {
    return this.buffer.readBigInt64BE(this.#take(8))
  }

  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.#take(1)] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw malformed('a varint is longer than five bytes')
  }

  /** Length of an array; −1 for null. Each item takes at least a byte, so a length beyond the rest is refused. */
  count(compact: boolean): number {
    return this.#length(compact ? this.uvarint() - 1 : this.int32())
  }

  /** Length of a byte string of which the caller uses the bytes and then skips them; −1 for null. */
  bytes(compact: boolean): number {
    return this.#length(compact ? this.uvarint() - 1 : this.int32())
  }

  string(compact: boolean): string | null {
    const length = this.#length(compact ? this.uvarint() - 1 : this.int16())
    if (length < 0) return null
    const start = this.#take(length)
    return this.buffer.toString('utf8', start, start + length)
  }

  /** A UUID as 32 hexadecimal digits. */
  uuid(): string {
    const start = this.#take(16)
    const { buffer } = this
    if (buffer.compare(lastUuid.bytes, 0, 16, start, start + 16) !== 0) {
      lastUuid = {
        text: buffer.toString('hex', start, start + 16),
        bytes: Buffer.from(buffer.subarray(start, start + 16)),
      }
    }
    return lastUuid.text
  }

  skip(bytes: number): void {
    this.#take(bytes)
  }

  /** Tagged fields: `field` is called for each with the reader at its first byte and may read as much of it as it likes. */
  tags(compact: boolean, field?: (tag: number) => void): void {
    if (!compact) return
    for (let left = this.uvarint(); left > 0; left--) {
      const tag = this.uvarint()
      const size = this.uvarint()
      const start = this.#take(size)
      if (field) {
        this.at = start
        field(tag)
        this.at = start + size
      }
    }
  }

  #length(length: number): number {
    if (length > this.#end - this.at) throw malformed('a length points beyond the end')
    return length
  }

  #take(bytes: number): number {
    const start = this.at
    if (bytes < 0 || bytes > this.#end - start) throw malformed('it is cut off')
    this.at = start + bytes
    return start
  }
}

function malformed(reason: string): TidemarkError {
  return new TidemarkError('PROTOCOL_ERROR', `A broker's response cannot be read: ${reason}`, {
    retriable: true,
  })
}

/** A topic id without hyphens, as {@link WireReader.uuid} reads it. */
export function uuidKey(text: string): string {
  return text.replaceAll('-', '').toLowerCase()
}
