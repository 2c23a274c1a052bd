import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { isTidemarkError } from '../../src/base/index.ts'
import { type CodecName, codecName, compress, decompress } from '../../src/records/index.ts'
import { golden } from '../support/golden-batches.ts'

const codecs: readonly CodecName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const packed: readonly CodecName[] = ['gzip', 'snappy', 'lz4', 'zstd']

const corrupt = (text: RegExp) => (error: unknown) =>
  isTidemarkError(error, 'RECORD_CORRUPT') && text.test(error.message)

/** Text that compresses, with some that does not. */
function sample(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    bytes[i] = i % 1000 < 300 ? state >> 16 : 97 + (i % 7)
  }
  return bytes
}

describe('codecs', () => {
  it('have the numbers of the protocol', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 7].map(codecName), [...codecs, undefined, undefined])
  })

  for (const codec of codecs) {
    it(`${codec} gives back what it was given, from nothing to megabytes`, () => {
      for (const length of [0, 1, 13, 32_768, 32_769, 65_536, 65_537, 300_000, 5_000_000]) {
        const input = sample(length)
        assert.ok(decompress(codec, compress(codec, input)).equals(input), `${length} bytes`)
      }
    })
  }

  it('levels change the size and not the content', () => {
    const input = sample(200_000)
    for (const [codec, low, high] of [
      ['gzip', 1, 9],
      ['zstd', 1, 19],
    ] as const) {
      const [small, large] = [compress(codec, input, high), compress(codec, input, low)]
      assert.ok(small.length < large.length)
      assert.ok(decompress(codec, small).equals(input) && decompress(codec, large).equals(input))
    }
  })

  for (const codec of packed) {
    it(`${codec} that is cut anywhere is noticed`, () => {
      const whole = compress(codec, sample(3_000))
      for (let length = 0; length < whole.length; length++) {
        // A snappy frame that ends between blocks is a shorter frame; the record walk finds those.
        if (codec === 'snappy' && length === 16) continue
        assert.throws(() => decompress(codec, whole.subarray(0, length)), corrupt(/cannot be decompressed/))
      }
    })

    it(`${codec} is not found in rubbish`, () => {
      assert.throws(
        () => decompress(codec, Buffer.from('surely not compressed by anything at all')),
        corrupt(/./),
      )
    })

    it(`${codec} that grows beyond the limit is refused, at the limit it is taken`, () => {
      const bomb = compress(codec, Buffer.alloc(20_000_000))
      assert.throws(() => decompress(codec, bomb, 19_999_999), corrupt(/more than/))
      assert.equal(decompress(codec, bomb, 20_000_000).length, 20_000_000)
    })

    it(`${codec} with any byte changed is refused or gives bytes, and never more than allowed`, () => {
      const whole = compress(codec, sample(600))
      for (let at = 0; at < whole.length; at++) {
        for (const flip of [0x01, 0x80, 0xff]) {
          const broken = Buffer.from(whole)
          broken[at] = (broken[at] ?? 0) ^ flip
          try {
            assert.ok(decompress(codec, broken, 1 << 20).length <= 1 << 20)
          } catch (error) {
            assert.ok(isTidemarkError(error, 'RECORD_CORRUPT'), String(error))
          }
        }
      }
    })
  }
})

describe('snappy', () => {
  it('is written in the frame of the Java client, in blocks of 32 KiB', () => {
    const frame = compress('snappy', sample(70_000))
    assert.equal(frame.subarray(0, 16).toString('hex'), '82534e41505059000000000100000001')
    let blocks = 0
    for (let at = 16; at < frame.length; at += 4 + frame.readInt32BE(at)) blocks++
    assert.equal(blocks, 3)
  })

  it('is also read as one raw block, and as frames that follow one another', () => {
    const input = sample(70_000)
    const framed = compress('snappy', input)
    assert.ok(decompress('snappy', compressSync(input)).equals(input))
    assert.ok(decompress('snappy', Buffer.concat([framed, framed])).equals(Buffer.concat([input, input])))
  })

  it('does not believe a block that claims more than it can hold', () => {
    const lying = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(100)])
    assert.throws(() => decompress('snappy', lying), corrupt(/claims 268435455/))
    assert.throws(() => decompress('snappy', Buffer.alloc(6, 0xff)), corrupt(/no length/))
  })
})

describe('lz4', () => {
  it('is written as a frame of independent blocks, which the Java client insists on', () => {
    for (const length of [10, 70_000, 5_000_000]) {
      const frame = compress('lz4', sample(length))
      assert.equal(frame.readUInt32LE(0), 0x184d2204)
      assert.equal(frame.readUInt8(4) & 0xe0, 0x60)
    }
  })

  it('is read with checksums', () => {
    const input = sample(100_000)
    const frame = compressFrameSync(input, { contentChecksum: true, blockChecksums: true })
    assert.ok(decompress('lz4', frame).equals(input))
    assert.throws(() => decompress('lz4', frame.subarray(0, -1)), corrupt(/cut/))
  })

  it('is read to the end of its frame, whatever follows', () => {
    const input = sample(1_000)
    assert.ok(decompress('lz4', Buffer.concat([compress('lz4', input), Buffer.from('rest')])).equals(input))
  })

  it('of old clients is refused for its header checksum unless it is repaired', () => {
    const message = golden('legacy-v0-lz4').bytes
    const frame = message.subarray(
      message.indexOf(Buffer.from('04224d18', 'hex')),
      12 + message.readInt32BE(8),
    )
    assert.throws(() => decompress('lz4', frame), corrupt(/lz4/))
  })
})

describe('zstd', () => {
  it('is read without content size, and as frames that follow one another', () => {
    const input = sample(50_000)
    const bare = zlib.zstdCompressSync(input, { params: { [zlib.constants.ZSTD_c_contentSizeFlag]: 0 } })
    assert.ok(decompress('zstd', Buffer.concat([bare, bare])).equals(Buffer.concat([input, input])))
  })

  it('counts all frames against the limit', () => {
    const frame = compress('zstd', Buffer.alloc(1_000))
    assert.throws(() => decompress('zstd', Buffer.concat([frame, frame]), 1_999), corrupt(/more than 1999/))
    assert.equal(decompress('zstd', Buffer.concat([frame, frame]), 2_000).length, 2_000)
  })
})

describe('gzip', () => {
  it('is read as members that follow one another', () => {
    const input = sample(50_000)
    const one = compress('gzip', input)
    assert.ok(decompress('gzip', Buffer.concat([one, one])).equals(Buffer.concat([input, input])))
  })
})
