import { invariant } from '../../base/index.ts'
import type { Cluster, PositionReader } from '../../kafka/index.ts'
import type { LogTable, MapSet, PartitionMap } from '../../offsets/index.ts'
import { partitionForKey } from '../../records/index.ts'
import type { LaneContext } from '../copy/lane-context.ts'
import type { TransactionChoice } from '../copy/transaction-choice.ts'
import type { RestoreNotice, TimeWindow } from '../job.ts'
import type { Lane } from '../plan/plan-types.ts'
import type { HeaderRule } from './compare-records.ts'
import { ContentSide } from './content-side.ts'
import { ExpectedInput } from './expected-input.ts'
import { type Counts, type Findings, newCounts } from './findings.ts'
import { GoneRecords } from './gone-records.ts'
import { MapCursor } from './map-cursor.ts'
import { MappedSide } from './mapped-side.ts'
import { mergeExpected } from './merge-expected.ts'
import { TargetLog } from './target-log.ts'

export interface VerifyLaneInput {
  readonly lane: Lane
  readonly context: LaneContext
  readonly cluster: Cluster
  readonly reader: PositionReader
  /** Undefined: records are aligned by content. */
  readonly maps: MapSet | undefined
  readonly logs: LogTable
  readonly exclusive: boolean
  readonly nothingBehind: boolean
  readonly compacted: boolean
  readonly rule: HeaderRule
  readonly window: TimeWindow | undefined
  readonly choice: ((topic: string, partition: number) => TransactionChoice) | undefined
  readonly findings: Findings
  readonly signal: AbortSignal
}

export interface VerifiedLane {
  readonly counts: readonly Counts[]
  readonly notices: readonly RestoreNotice[]
}

/** Holds the records of a lane's source partitions against those of its target partitions, one by one. */
export async function verifyLane(input: VerifyLaneInput): Promise<VerifiedLane> {
  const { lane, context, maps, findings, logs, window, choice } = input
  await using opened = new AsyncDisposableStack()
  const inputs: ExpectedInput[] = []
  for (const [index, from] of lane.inputs.entries()) {
    const taken = choice?.(from.topic, from.source.partition)
    inputs.push(opened.use(await ExpectedInput.open(context, index, window, taken)))
  }
  const sides = lane.outputs.map((partition) => {
    const into = maps?.into(lane.target, partition) ?? []
    const counts = newCounts(lane.target, partition, maps ? 'map' : 'content')
    const gone = new GoneRecords(counts, findings, input.compacted)
    const { logStart, logEnd } = logs.get(lane.target)?.get(partition) ?? { logStart: 0n, logEnd: 0n }
    const from = maps ? beginning(into) : logStart
    const log = new TargetLog(
      input.reader,
      { topic: lane.target, partition },
      from > logStart ? from : logStart,
      input.signal,
    )
    const countTo = input.nothingBehind ? undefined : logEnd
    const shared = { log, counts, findings, gone, rule: input.rule, countTo }
    const mapped = maps && new MappedSide({ ...shared, logStart, from, exclusive: input.exclusive })
    const content = maps ? undefined : new ContentSide(shared)
    return { counts, gone, mapped, content }
  })
  const cursors = lane.inputs.map((from) =>
    lane.outputs.map((partition) => {
      const map = maps
        ?.from(from.topic, from.source.partition)
        .find((m) => m.targetTopic === lane.target && m.targetPartition === partition)
      return map && new MapCursor(map)
    }),
  )
  const router = new Router(lane)
  for await (const record of mergeExpected(inputs)) {
    const from = lane.inputs[record.index]
    invariant(from !== undefined, 'an input belongs to its lane')
    const source = { topic: from.topic, partition: from.source.partition }
    const routed = router.place(record)
    if (!maps) {
      await sides[routed]?.content?.expect(record, source)
      continue
    }
    const own = cursors[record.index] ?? []
    const targets = own.map((cursor) => cursor?.find(record.offset))
    const place = targets.findIndex((target) => target !== undefined)
    await sides[place < 0 ? routed : place]?.mapped?.expect(record, source, targets[place])
  }
  const notices: RestoreNotice[] = []
  for (const { mapped, content, gone } of sides) {
    await mapped?.end()
    if (content) notices.push(...(await content.end()))
    notices.push(...gone.end())
  }
  return { counts: sides.map(({ counts }) => counts), notices }
}

/** Where the copy begins in a target partition. */
function beginning(maps: readonly PartitionMap[]): bigint {
  return maps.reduce(
    (least, map) => (map.copyStart < least ? map.copyStart : least),
    maps[0]?.copyStart ?? 0n,
  )
}

/** The partition that a record belongs to, by the plan. */
class Router {
  readonly #lane: Lane
  #turn = 0

  constructor(lane: Lane) {
    this.#lane = lane
  }

  place(record: ExpectedInput): number {
    const { spread } = this.#lane
    if (spread.type === 'one') return 0
    const byKey =
      spread.type === 'murmur2' ? partitionForKey(record.cursor.key(), spread.partitions) : undefined
    return byKey ?? this.#turn++ % spread.partitions
  }
}
