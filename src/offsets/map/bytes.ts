import { crc32 } from 'node:zlib'

/** Appends varints and bytes to a buffer that grows. */
export class ByteWriter {
  #buffer = Buffer.alloc(256)
  #length = 0

  byte(value: number): void {
    this.#room(1)
    this.#buffer[this.#length++] = value
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  text(value: string): void {
    const bytes = Buffer.from(value)
    this.number(bytes.length)
    this.bytes(bytes)
  }

  number(value: number): void {
    for (; value >= 128; value = Math.floor(value / 128)) this.byte((value % 128) | 128)
    this.byte(value)
  }

  varint(value: bigint): void {
    for (; value >= 128n; value >>= 7n) this.byte(Number(value & 127n) | 128)
    this.byte(Number(value))
  }

  /** The bytes with their checksum behind. */
  finish(): Buffer {
    this.#room(4)
    this.#buffer.writeUInt32LE(crc32(this.#buffer.subarray(0, this.#length)), this.#length)
    return Buffer.from(this.#buffer.subarray(0, this.#length + 4))
  }

  #room(more: number): void {
    if (this.#length + more <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.max(this.#length + more, this.#buffer.length * 2))
    larger.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = larger
  }
}

/** Reads varints and bytes, with an error instead of running over the end. */
export class ByteReader {
  readonly #buffer: Buffer
  readonly #damaged: (what: string) => Error
  #at: number

  constructor(buffer: Buffer, start: number, damaged: (what: string) => Error) {
    this.#buffer = buffer
    this.#at = start
    this.#damaged = damaged
  }

  get left(): number {
    return this.#buffer.length - this.#at
  }

  byte(): number {
    const value = this.#buffer[this.#at++]
    if (value === undefined) throw this.#damaged('it is cut short')
    return value
  }

  number(): number {
    const value = Number(this.varint())
    if (!Number.isSafeInteger(value)) throw this.#damaged('a number is too large')
    return value
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift <= 63n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 127) << shift
      if (byte < 128) {
        if (value > 0x7fffffffffffffffn) break
        return value
      }
    }
    throw this.#damaged('a number is too large')
  }

  text(): string {
    const length = this.number()
    if (length > this.left) throw this.#damaged('it is cut short')
    const value = this.#buffer.toString('utf8', this.#at, this.#at + length)
    this.#at += length
    return value
  }

  rest(): Buffer {
    return this.#buffer.subarray(this.#at)
  }
}
