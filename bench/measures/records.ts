import {
  batches,
  type CodecName,
  checkCrcs,
  decodeBatch,
  dropAborted,
  encodeBatch,
  header,
  JoinedBatches,
  RecordCursor,
  rewriteForProduce,
  SlabPool,
  survey,
  timeSpan,
} from '../../src/records/index.ts'
import { median } from '../child.ts'
import { found } from '../report.ts'

/** Bytes of batches that each round goes through, uncompressed. */
const LOG_BYTES = 128 << 20

const slabs = new SlabPool()

/** What the work on batches in memory costs, on one core: by header, by record, and with each codec. */
export function records(rounds: number, scale: number): void {
  for (const recordBytes of [1000, 100]) {
    const bytes = Math.max(1 << 20, LOG_BYTES * scale)
    const log = makeLog(bytes, recordBytes, 'none')
    const count = survey(log, 0, log.length).records
    const name = `${recordBytes}-byte records`
    const report = (what: string, work: () => void) => {
      const seconds = timed(rounds, work)
      const value = `${rate(log.length, seconds)} MB/s, ${(count / seconds / 1e6).toFixed(1)} M records/s`
      found({ question: `${name}: ${what}`, reach: '', value })
    }
    report('survey', () => survey(log, 0, log.length))
    report('CRC check', () => checkCrcs(log, 0, log.length))
    const aborted = [{ producerId: 5n, firstOffset: 0n }]
    report('aborted filter', () => dropAborted(log, 0, log.length, aborted))
    report('rewrite for produce', () => {
      for (const at of batches(log, 0, log.length)) {
        rewriteForProduce(log, at, { producerId: 7n, producerEpoch: 0, baseSequence: 0 })
      }
    })
    report('time span', () => {
      for (const at of batches(log, 0, log.length)) timeSpan(log, at)
    })
    report('cursor with headers', () => {
      for (const at of batches(log, 0, log.length)) {
        const cursor = new RecordCursor(log, at)
        while (cursor.next()) cursor.headers()
      }
    })
    report('decode', () => {
      for (const at of batches(log, 0, log.length)) decodeBatch(log, at)
    })
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const part = makeLog(bytes / 8, recordBytes, codec)
      const plain = survey(part, 0, part.length).records * recordBytes
      const decoded = [...batches(part, 0, part.length)].map((at) => decodeBatch(part, at))
      const question = `${name}, ${codec}:`
      found({
        question: `${question} decode`,
        reach: '',
        value: `${rate(
          plain,
          timed(rounds, () => {
            for (const at of batches(part, 0, part.length)) decodeBatch(part, at)
          }),
        )} MB/s of records`,
      })
      found({
        question: `${question} encode`,
        reach: '',
        value: `${rate(
          plain,
          timed(rounds, () => {
            for (const batch of decoded) encodeBatch(batch, { codec })
          }),
        )} MB/s of records`,
      })
      if (codec === 'gzip') continue
      const hard = makeLog(bytes / 8, recordBytes, codec, noise)
      found({
        question: `${question} join, values that do not compress`,
        reach: '',
        value: `${rate(
          plain,
          timed(rounds, () => joinAll(hard)),
        )} MB/s of records`,
      })
    }
  }
}

/** Joins small batches as far as they are joined, and lets the others go. */
function joinAll(log: Buffer): void {
  const joined = new JoinedBatches(slabs, 1 << 20)
  for (const at of batches(log, 0, log.length)) {
    if (joined.add(log, at)) continue
    joined.take()?.release()
    joined.add(log, at)
  }
  joined.take()?.release()
}

/** Fills half of a value with what compresses. */
function half(value: Buffer, seed: number): void {
  value.fill('abcdefgh')
  for (let at = 0; at < value.length / 2; at++) value[at] = (at * 7919 + seed) >> 3
}

/** Fills a value with what does not compress. */
function noise(value: Buffer, seed: number): void {
  let state = seed | 1
  for (let at = 0; at < value.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    value[at] = state
  }
}

/** Batches of about 16 KiB, half of each record compressible, times growing, one header in every other record. */
function makeLog(bytes: number, recordBytes: number, codec: CodecName, fill = half): Buffer {
  const parts: Buffer[] = []
  const inBatch = Math.max(1, Math.floor(16_384 / recordBytes))
  const headers = [{ key: Buffer.from('trace'), value: Buffer.from('0123456789abcdef') }]
  let offset = 0n
  for (let made = 0; made < bytes; made += inBatch * recordBytes) {
    const input = Array.from({ length: inBatch }, (_, i) => {
      const value = Buffer.alloc(recordBytes - 20)
      fill(value, i * 104_729 + made)
      return {
        timestamp: 1_700_000_000_000n + offset + BigInt(i),
        key: Buffer.from(`key-${i}`),
        value,
        ...(i % 2 === 0 && { headers }),
      }
    })
    const batch = encodeBatch(input, { codec, baseOffset: offset })
    batch.writeBigInt64BE(BigInt(parts.length % 10), header.position.producerId)
    batch.writeUInt16BE(
      header.attributes(batch, 0) | header.attribute.transactional,
      header.position.attributes,
    )
    rewriteCrc(batch)
    parts.push(batch)
    offset += BigInt(inBatch)
  }
  return Buffer.concat(parts)
}

/** Stamps the batch as it is, so that its CRC is right again. */
function rewriteCrc(batch: Buffer): void {
  const base = header.baseOffset(batch, 0)
  rewriteForProduce(batch, 0, {
    producerId: header.producerId(batch, 0),
    producerEpoch: 0,
    baseSequence: 0,
    transactional: true,
  })
  batch.writeBigInt64BE(base, header.position.baseOffset)
}

/** Median seconds of some rounds, after one to warm up. */
function timed(rounds: number, work: () => void): number {
  work()
  const seconds = Array.from({ length: rounds }, () => {
    const started = performance.now()
    work()
    return (performance.now() - started) / 1000
  })
  return median(seconds)
}

function rate(bytes: number, seconds: number): string {
  return (bytes / seconds / 1e6).toFixed(0)
}
