import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { compressSync, uncompressSync } from 'snappy'
import { compress, decompress } from '../../src/records/index.ts'
import { pack, type QuickCodec, unpack } from '../../src/records/packing.ts'

const codecs: readonly QuickCodec[] = ['lz4', 'snappy', 'zstd']
const most = 1 << 20

/** Pieces that repeat, overlap and do not, up to some hundred kilobytes. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ bytes, times: 1 })),
      fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }), times: fc.nat(400) }),
      fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 2000 }), times: fc.nat(60) }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.concat(pieces.flatMap(({ bytes, times }) => Array(times).fill(bytes))))

/** Bytes that do not compress, for sizes at which blocks end. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = length + 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

/** Reads what `pack` made by other code than ours, where there is some. */
function readByLibrary(codec: QuickCodec, bytes: Buffer): Buffer {
  if (codec === 'lz4') return decompressFrameSync(bytes)
  if (codec === 'zstd') return zlib.zstdDecompressSync(bytes)
  const parts: Buffer[] = []
  for (let at = 16; at < bytes.length; ) {
    const length = bytes.readInt32BE(at)
    parts.push(uncompressSync(bytes.subarray(at + 4, at + 4 + length), { asBuffer: true }) as Buffer)
    at += 4 + length
  }
  return Buffer.concat(parts)
}

describe('packing', () => {
  for (const codec of codecs) {
    it(`${codec} is read by its library and by us, as the library's is`, () => {
      fc.assert(
        fc.property(content, (bytes) => {
          const packed = Buffer.from(pack(codec, bytes))
          assert.ok(readByLibrary(codec, packed).equals(bytes))
          assert.ok(decompress(codec, packed).equals(bytes))
          assert.ok(unpack(codec, packed, most)?.equals(bytes))
          assert.ok(unpack(codec, compress(codec, bytes), most)?.equals(bytes))
        }),
      )
    })

    it(`${codec} keeps every size at which blocks end, whether or not it compresses`, () => {
      const sizes = [
        0, 1, 4, 5, 11, 12, 13, 14, 15, 19, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 262_000,
      ]
      for (const size of sizes) {
        for (const bytes of [noise(size), Buffer.alloc(size), Buffer.alloc(size, 'abcdefg')]) {
          const packed = Buffer.from(pack(codec, bytes))
          assert.ok(readByLibrary(codec, packed).equals(bytes), `${size} bytes`)
          assert.ok(unpack(codec, packed, Math.max(1, size))?.equals(bytes), `${size} bytes`)
          assert.ok(packed.length <= size + size / 128 + 64, `${size} bytes became ${packed.length}`)
        }
      }
    })

    it(`${codec} that is damaged or cut gives nothing, or no more than was allowed`, () => {
      const bytes = Buffer.concat([noise(700), Buffer.alloc(900, 'abc'), noise(300)])
      const good = Buffer.from(pack(codec, bytes))
      const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255))
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), fc.nat(good.length), (changes, cut) => {
          const bad = Buffer.from(good)
          for (const [at, byte] of changes) bad[at] = byte
          assert.ok((unpack(codec, bad, 3_000)?.length ?? 0) <= 3_000)
          const short = unpack(codec, good.subarray(0, cut), 3_000)
          if (cut < good.length && codec !== 'snappy') assert.equal(short, undefined)
          assert.ok(unpack(codec, good, bytes.length)?.equals(bytes), 'what comes after is not disturbed')
        }),
      )
    })

    it(`${codec} that would give more than was allowed gives nothing, and takes no memory for it`, () => {
      const bomb = Buffer.from(compress(codec, Buffer.alloc(64 << 20)))
      const before = process.memoryUsage().rss
      for (let i = 0; i < 20; i++) assert.equal(unpack(codec, bomb, 64 << 10), undefined)
      assert.ok(process.memoryUsage().rss - before < 32 << 20)
      const exact = Buffer.from(pack(codec, Buffer.alloc(5_000)))
      assert.equal(unpack(codec, exact, 4_999), undefined)
      assert.equal(unpack(codec, exact, 5_000)?.length, 5_000)
    })
  }

  it('reads frames of other clients: with checksums, several, or no frame at all', () => {
    const bytes = Buffer.concat([noise(3_000), Buffer.alloc(3_000, 'xyz')])
    const checked = compressFrameSync(bytes, { contentChecksum: true, blockChecksums: true })
    assert.ok(unpack('lz4', checked, most)?.equals(bytes))
    checked.writeUInt8(checked.readUInt8(checked.length - 1) ^ 1, checked.length - 1)
    assert.equal(unpack('lz4', checked, most), undefined, 'a checksum that is wrong')
    assert.ok(unpack('snappy', compressSync(bytes), most)?.equals(bytes))
    const [one, two] = [bytes.subarray(0, 2_500), bytes.subarray(2_500)]
    const frames = Buffer.concat([zlib.zstdCompressSync(one), zlib.zstdCompressSync(two)])
    assert.ok(unpack('zstd', frames, most)?.equals(bytes))
    assert.equal(unpack('zstd', frames, bytes.length - 1), undefined)
  })
})
