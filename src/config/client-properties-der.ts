/** An element of DER (X.690): its tag, and the bytes of its value. */
export class Der {
  readonly tag: number
  readonly value: Buffer

  constructor(tag: number, value: Buffer) {
    this.tag = tag
    this.value = value
  }

  /** The first element in the bytes. Throws a RangeError for what is not DER. */
  static read(bytes: Buffer): Der {
    const [first] = Der.list(bytes)
    if (first === undefined) throw new RangeError('no element')
    return first
  }

  /** All elements in the bytes, one behind the other. */
  static list(bytes: Buffer): readonly Der[] {
    const found: Der[] = []
    for (let at = 0; at < bytes.length; ) {
      const tag = bytes.readUInt8(at)
      const first = bytes.readUInt8(at + 1)
      const digits = first < 0x80 ? 0 : first & 0x7f
      if (digits > 4 || first === 0x80) throw new RangeError('a length that DER does not have')
      const length = digits === 0 ? first : bytes.readUIntBE(at + 2, digits)
      const start = at + 2 + digits
      if (length > bytes.length - start) throw new RangeError('an element is cut')
      found.push(new Der(tag, bytes.subarray(start, start + length)))
      at = start + length
    }
    return found
  }

  /** The elements inside. */
  get children(): readonly Der[] {
    return Der.list(this.value)
  }

  /** The element inside at an index. */
  child(index: number): Der {
    const found = this.children[index]
    if (found === undefined) throw new RangeError('an element is missing')
    return found
  }

  /** An object identifier in dots. */
  get oid(): string {
    if (this.tag !== 0x06) throw new RangeError('not an object identifier')
    const parts: number[] = []
    let part = 0
    for (const byte of this.value) {
      part = part * 128 + (byte & 0x7f)
      if (byte >= 0x80) continue
      if (parts.length === 0)
        parts.push(Math.min(2, Math.floor(part / 40)), part - Math.min(2, Math.floor(part / 40)) * 40)
      else parts.push(part)
      part = 0
    }
    return parts.join('.')
  }

  /** A small number. */
  get integer(): number {
    if (this.tag !== 0x02 || this.value.length === 0 || this.value.length > 6)
      throw new RangeError('not a number')
    return this.value.readIntBE(0, this.value.length)
  }
}
