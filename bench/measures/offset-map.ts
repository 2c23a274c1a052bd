import { encodePartitionMap, MapBuilder, type PartitionMap, translate } from '../../src/offsets/index.ts'
import { found } from '../report.ts'

const identity = {
  sourceTopic: 'orders',
  sourcePartition: 0,
  targetTopic: 'orders',
  targetPartition: 0,
  sourceCluster: 'prod',
}
const translations = 1_000_000

interface Shape {
  readonly name: string
  readonly reach: string
  /** Adds the copy of a source log and answers its end. */
  fill(builder: MapBuilder, offsets: number): number
}

/** Logs of 100 M records: what a map of each takes, and how fast it answers. */
const shapes: readonly Shape[] = [
  {
    name: 'plain',
    reach: '≤ 64 B',
    fill(builder, offsets) {
      for (let at = 0; at < offsets; at += 1000) {
        builder.append(BigInt(at), BigInt(at + 5000), Math.min(1000, offsets - at))
      }
      return offsets
    },
  },
  {
    name: 'transactions of 100',
    reach: '≤ 2.5 MB',
    fill(builder, offsets) {
      let source = 0
      for (let at = 0; at < offsets; at += 100, source += 101) builder.append(BigInt(source), BigInt(at), 100)
      return source
    },
  },
  {
    name: 'transactions of 1 to 199, at random',
    reach: '≤ 2.5 MB',
    fill(builder, offsets) {
      let source = 0
      for (let at = 0; at < offsets; ) {
        const count = 1 + Math.floor(Math.random() * 199)
        builder.append(BigInt(source), BigInt(at), count)
        source += count + 1
        at += count
      }
      return source
    },
  },
  {
    name: 'compacted to half, at random',
    reach: '≤ 20 MB',
    fill(builder, offsets) {
      let target = 0
      for (let at = 0; at < offsets; at++) {
        if (Math.random() < 0.5) builder.append(BigInt(at), BigInt(target++), 1)
      }
      return offsets
    },
  },
]

/**
 * Size of a map in memory and as bytes, time to build it, and time for a million translations of random
 * positions.
 */
export function offsetMap(scale: number): void {
  const offsets = Math.round(100_000_000 * scale)
  for (const { name, reach, fill } of shapes) {
    const builder = new MapBuilder(identity)
    const started = performance.now()
    const end = fill(builder, offsets)
    const map = builder.seal({ sourceEnd: BigInt(end), copyStart: 0n })
    const built = performance.now() - started
    found({
      question: `map of ${offsets / 1e6} M offsets, ${name}`,
      reach,
      value: `${map.bytes} B in memory, ${encodePartitionMap(map).length} B written, ${map.records} records, built in ${built.toFixed(0)} ms`,
    })
    found({
      question: `a million translations, ${name}`,
      reach: '< 1 s',
      value: `${translateAll(map, end).toFixed(0)} ms`,
    })
  }
}

function translateAll(map: PartitionMap, end: number): number {
  const log = { logStart: 0n, logEnd: map.targetEnd }
  const positions = Array.from({ length: translations }, () => BigInt(Math.floor(Math.random() * end)))
  const started = performance.now()
  let answered = 0
  for (const position of positions) if (translate(map, position, log).target !== undefined) answered++
  if (answered !== translations) throw new Error(`Only ${answered} positions were translated`)
  return performance.now() - started
}
