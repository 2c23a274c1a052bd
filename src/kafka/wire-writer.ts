/** The UUID written last: requests in a row are for the same topic. */
let lastUuid: { readonly text: string; readonly bytes: Buffer } = { text: '', bytes: Buffer.alloc(0) }

function uuidBytes(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex')
  if (bytes.length !== 16) throw new RangeError(`${JSON.stringify(text)} is not a UUID`)
  return bytes
}

/**
 * Writes the primitive types of the Kafka protocol into one growing buffer. The strings of the flexible versions
 * are "compact": their length plus one as an unsigned varint.
 */
export class WireWriter {
  #buffer: Buffer
  #at = 0

  constructor(size = 256) {
    this.#buffer = Buffer.allocUnsafe(size)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at
  }

  /** What has been written; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  int8(value: number): this {
    this.#room(1)
    this.#at = this.#buffer.writeInt8(value, this.#at)
    return this
  }

  int16(value: number): this {
    this.#room(2)
    this.#at = this.#buffer.writeInt16BE(value, this.#at)
    return this
  }

  int32(value: number): this {
    this.#room(4)
    this.#at = this.#buffer.writeInt32BE(value, this.#at)
    return this
  }

  int64(value: bigint): this {
    this.#room(8)
    this.#at = this.#buffer.writeBigInt64BE(value, this.#at)
    return this
  }

  uvarint(value: number): this {
    this.#room(5)
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#at++] = rest
    return this
  }

  /** Length of an array of which the caller writes the items. */
  count(length: number, compact: boolean): this {
    return compact ? this.uvarint(length + 1) : this.int32(length)
  }

  string(text: string | null, compact: boolean): this {
    if (text === null) return compact ? this.uvarint(0) : this.int16(-1)
    const length = Buffer.byteLength(text)
    if (compact) this.uvarint(length + 1)
    else this.int16(length)
    this.#room(length)
    this.#at += this.#buffer.write(text, this.#at, 'utf8')
    return this
  }

  /** A UUID given as text, with or without hyphens. */
  uuid(text: string): this {
    if (text !== lastUuid.text || text === '') lastUuid = { text, bytes: uuidBytes(text) }
    this.#room(16)
    lastUuid.bytes.copy(this.#buffer, this.#at)
    this.#at += 16
    return this
  }

  /** No tagged fields. */
  tags(compact: boolean): this {
    return compact ? this.uvarint(0) : this
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}
