import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from '@node-rs/crc32'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  batches,
  type CodecName,
  checkCrcs,
  compress,
  convertLegacy,
  decodeBatch,
  encodeBatch,
  header,
  survey,
} from '../../src/records/index.ts'
import { golden } from '../support/golden-batches.ts'

const corrupt = (text: RegExp) => (error: unknown) =>
  isTidemarkError(error, 'RECORD_CORRUPT') && text.test(error.message)

interface Old {
  readonly offset: bigint
  readonly magic?: 0 | 1
  readonly attributes?: number
  readonly timestamp?: bigint
  readonly key?: Buffer | null
  readonly value?: Buffer | null
}

function message(old: Old): Buffer {
  const magic = old.magic ?? 1
  const time = Buffer.alloc(magic === 1 ? 8 : 0)
  if (magic === 1) time.writeBigInt64BE(old.timestamp ?? 5n)
  const content = Buffer.concat([
    Buffer.from([magic, old.attributes ?? 0]),
    time,
    field(old.key ?? null),
    field(old.value ?? null),
  ])
  const head = Buffer.alloc(16)
  head.writeBigInt64BE(old.offset)
  head.writeInt32BE(content.length + 4, 8)
  head.writeUInt32BE(crc32(content), 12)
  return Buffer.concat([head, content])
}

function field(bytes: Buffer | null): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes === null ? -1 : bytes.length)
  return bytes === null ? length : Buffer.concat([length, bytes])
}

function set(outer: Omit<Old, 'value'>, inner: readonly Buffer[], codec: CodecName = 'gzip'): Buffer {
  return message({
    ...outer,
    attributes: header.codecId[codec] | (outer.attributes ?? 0),
    value: compress(codec, Buffer.concat(inner)),
  })
}

function convert(...messages: Buffer[]) {
  const all = Buffer.concat(messages)
  const converted = convertLegacy(all, 0, all.length)
  checkCrcs(converted, 0, converted.length)
  survey(converted, 0, converted.length, { complete: true })
  return [...batches(converted, 0, converted.length)].map((at) => decodeBatch(converted, at))
}

describe('message sets of formats 0 and 1', () => {
  it('gathers plain messages and keeps offsets, holes, null and empty', () => {
    const found = convert(
      message({ offset: 3n, magic: 0, key: Buffer.from('k'), value: null }),
      message({ offset: 7n, magic: 1, timestamp: 99n, key: null, value: Buffer.alloc(0) }),
    )
    assert.deepEqual(found, [
      [
        { offset: 3n, timestamp: -1n, key: Buffer.from('k'), value: null, headers: [] },
        { offset: 7n, timestamp: 99n, key: null, value: Buffer.alloc(0), headers: [] },
      ],
    ])
  })

  it('does not gather without end, nor offsets too far apart for one batch', () => {
    const big = Array.from({ length: 20 }, (_, i) =>
      message({ offset: BigInt(i), value: Buffer.alloc(10_000) }),
    )
    assert.equal(convert(...big).length, 4)
    assert.equal(convert(message({ offset: 1n }), message({ offset: 1n << 33n })).length, 2)
  })

  it('leaves batches of format 2 among them as they are', () => {
    const batch = encodeBatch([{ timestamp: 1n, key: null, value: null }], { codec: 'none', baseOffset: 6n })
    const all = Buffer.concat([message({ offset: 5n }), batch, message({ offset: 7n })])
    const converted = convertLegacy(all, 0, all.length)
    const at = [...batches(converted, 0, converted.length)]
    assert.equal(at.length, 3)
    assert.ok(converted.subarray(at[1], at[2]).equals(batch))
  })

  it('reads relative offsets of format 1 back from the outer one', () => {
    const inner = [0n, 1n, 4n].map((offset) => message({ offset, timestamp: offset }))
    assert.deepEqual(
      convert(set({ offset: 104n }, inner))[0]?.map((record) => record.offset),
      [100n, 101n, 104n],
    )
  })

  it('takes absolute offsets of format 0, and those below an outer 0', () => {
    const inner = (magic: 0 | 1) => [100n, 104n].map((offset) => message({ offset, magic }))
    for (const [magic, outer] of [
      [0, 104n],
      [1, 0n],
    ] as const) {
      assert.deepEqual(
        convert(set({ offset: outer, magic }, inner(magic)))[0]?.map((record) => record.offset),
        [100n, 104n],
      )
    }
  })

  it('gives all records of a LogAppendTime set the time of the set', () => {
    const inner = [0n, 1n].map((offset) => message({ offset, timestamp: 1n }))
    const outer = { offset: 1n, timestamp: 77n, attributes: header.attribute.logAppendTime }
    assert.deepEqual(
      convert(set(outer, inner))[0]?.map((record) => record.timestamp),
      [77n, 77n],
    )
  })

  it('notices any changed byte after the CRC', () => {
    for (const name of ['legacy-v0-none', 'legacy-v1-snappy']) {
      const { bytes } = golden(name)
      const size = 12 + bytes.readInt32BE(8)
      for (let at = 16; at < size; at++) {
        const broken = Buffer.from(bytes)
        broken[at] = (broken[at] ?? 0) ^ 0x40
        assert.throws(() => convertLegacy(broken, 0, broken.length), corrupt(/./))
      }
    }
  })

  for (const [what, bytes, text] of [
    ['a cut message', message({ offset: 1n }).subarray(0, -1), /not a whole/],
    [
      'offsets that go back',
      Buffer.concat([message({ offset: 5n }), message({ offset: 5n })]),
      /ends at offset 5/,
    ],
    ['a set without a value', message({ offset: 1n, attributes: 1, value: null }), /missing/],
    ['an empty set', set({ offset: 1n }, []), /empty/],
    [
      'a set in a set',
      set({ offset: 1n }, [set({ offset: 0n }, [message({ offset: 0n })])]),
      /compressed twice/,
    ],
    ['zstd, which came later', set({ offset: 1n }, [message({ offset: 0n })], 'zstd'), /codec is not known/],
    ['inner offsets beyond the outer', set({ offset: 1n }, [message({ offset: 2n })]), /beyond its own/],
    [
      'inner offsets that go back',
      set({ offset: 9n }, [message({ offset: 1n }), message({ offset: 1n })]),
      /do not grow/,
    ],
    [
      'inner offsets too far apart',
      set({ offset: 1n << 40n }, [message({ offset: 0n }), message({ offset: 1n << 40n })]),
      /too far apart/,
    ],
    [
      'a batch in a set',
      set({ offset: 1n }, [encodeBatch([{ timestamp: 1n, key: null, value: null }], { codec: 'none' })]),
      /batch inside/,
    ],
    ['data that is not compressed', message({ offset: 1n, attributes: 1, value: Buffer.from('x') }), /gzip/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => convertLegacy(bytes, 0, bytes.length, { topic: 'old' }), corrupt(text))
    })
  }

  it('refuses fields that do not fit their message, even with a right CRC', () => {
    const bytes = message({ offset: 1n, key: Buffer.from('abc') })
    for (const length of [4, 2, 0x7fff_ffff]) {
      const broken = Buffer.from(bytes)
      broken.writeInt32BE(length, 26)
      broken.writeUInt32BE(crc32(broken.subarray(16)), 12)
      assert.throws(
        () => convertLegacy(broken, 0, broken.length),
        corrupt(/beyond its message|after its value/),
      )
    }
  })
})
