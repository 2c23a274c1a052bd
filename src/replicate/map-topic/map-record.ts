import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import { JsonValue, offsetToJson, type Run } from '../../offsets/index.ts'
import { type MapEvent, mapEventTypes } from './map-event.ts'
import { type PackedRuns, RunList } from './run-list.ts'

/** Version of the records of the map topic and of the positions in the control topic. */
export const mapRecordVersion = 1

/** Whose map it is: the key of a record of the map topic. */
export interface MapKey {
  /** Cluster id of the source. */
  readonly cluster: string
  readonly topic: string
  readonly partition: number
}

/** What went into one target partition. */
export interface MapEntryTarget {
  readonly partition: number
  /** The target partition's log end when copying of the source partition began. */
  readonly copyStart: bigint
  /** Target offset after the last record that was copied there; `copyStart` before the first. */
  readonly end: bigint
  readonly runs: readonly Run[]
}

/**
 * Where the source offsets [`from`, `to`) of one partition went. Whatever lies between and is in no run has no record on the
 * target: a marker, aborted, compacted away, left out, or lost (then an event says so).
 */
export interface MapEntry {
  readonly pipeline: string
  /** Topic id at the source, where it has them. */
  readonly topicId: string | undefined
  readonly targetTopic: string
  /** Source offset at which copying of this generation of the topic began. */
  readonly start: bigint
  readonly from: bigint
  readonly to: bigint
  /**
   * Grows whenever offsets may be copied a second time or come to mean other records: at each take-over of the shard, truncation
   * and re-creation. Entries of one branch never contradict each other; those of a later one hold where they overlap.
   */
  readonly branch: number
  /** Grows by one with every entry of the partition. */
  readonly revision: number
  /** Ms since the epoch. */
  readonly written: number
  readonly targets: readonly MapEntryTarget[]
  readonly events: readonly MapEvent[]
}

/** The record's key as it is in the topic. */
export function encodeMapKey({ cluster, topic, partition }: MapKey): Buffer {
  return Buffer.from(JSON.stringify({ cluster, topic, partition }))
}

/** The record's value as it is in the topic; `docs/replication.md` has the members. */
export function encodeMapEntry(entry: MapEntry): Buffer {
  return Buffer.from(JSON.stringify(mapEntryToJson(entry)))
}

/** Throws MAP_RECORD_INVALID, naming the record by `place`. */
export function decodeMapKey(bytes: Buffer, place: string): MapKey {
  return reading(place, () => {
    const key = JsonValue.parse(bytes.toString(), place)
    return {
      cluster: key.at('cluster').text(),
      topic: key.at('topic').text(),
      partition: key.at('partition').count(),
    }
  })
}

/** Throws MAP_RECORD_INVALID, naming the record by `place`. */
export function decodeMapEntry(bytes: Buffer, place: string): MapEntry {
  return reading(place, () => mapEntryFromJson(JsonValue.parse(bytes.toString(), place), place))
}

export function mapEntryToJson(entry: MapEntry): Record<string, unknown> {
  return {
    version: mapRecordVersion,
    pipeline: entry.pipeline,
    ...(entry.topicId !== undefined && { topicId: entry.topicId }),
    targetTopic: entry.targetTopic,
    start: offsetToJson(entry.start),
    from: offsetToJson(entry.from),
    to: offsetToJson(entry.to),
    branch: entry.branch,
    revision: entry.revision,
    written: entry.written,
    targets: entry.targets.map(({ partition, copyStart, end, runs }) => ({
      partition,
      copyStart: offsetToJson(copyStart),
      end: offsetToJson(end),
      runs: packRuns(runs),
    })),
    ...(entry.events.length > 0 && {
      events: entry.events.map(({ type, from, to, time }) => ({
        type,
        from: offsetToJson(from),
        to: offsetToJson(to),
        time,
      })),
    }),
  }
}

export function mapEntryFromJson(value: JsonValue, place: string): MapEntry {
  const version = value.at('version').count()
  if (version > mapRecordVersion) {
    throw new TidemarkError(
      'MAP_RECORD_INVALID',
      `${place} was written by a newer version (format ${version})`,
      {
        hint: 'Use the version that runs the replication, or a newer one.',
      },
    )
  }
  const entry: MapEntry = {
    pipeline: value.at('pipeline').text(),
    topicId: value.at('topicId').textOr(undefined),
    targetTopic: value.at('targetTopic').text(),
    start: value.at('start').offset(),
    from: value.at('from').offset(),
    to: value.at('to').offset(),
    branch: value.at('branch').count(),
    revision: value.at('revision').count(),
    written: value.at('written').count(),
    targets: value
      .at('targets')
      .list()
      .map((target) => ({
        partition: target.at('partition').count(),
        copyStart: target.at('copyStart').offset(),
        end: target.at('end').offset(),
        runs: unpackRuns(target.at('runs')),
      })),
    events: value.at('events').present
      ? value
          .at('events')
          .list()
          .map((event) => ({
            type: event.at('type').word(mapEventTypes),
            from: event.at('from').offset(),
            to: event.at('to').offset(),
            time: event.at('time').count(),
          }))
      : [],
  }
  checkEntry(entry, value)
  return entry
}

/** Runs outside of what the entry accounts for would make a map that lies. */
function checkEntry(entry: MapEntry, value: JsonValue): void {
  if (entry.to < entry.from) throw value.at('to').wrong('an offset that is not before `from`')
  for (const { runs, end } of entry.targets) {
    const [first] = runs
    const last = runs.at(-1)
    if (first && first.source < entry.from)
      throw value.at('targets').wrong('runs that begin at `from` or later')
    if (!last) continue
    if (last.source + BigInt(last.count) > entry.to)
      throw value.at('targets').wrong('runs that end at `to` or before')
    if (last.target + BigInt(last.count) > end)
      throw value.at('targets').wrong('runs that end at `end` or before')
  }
}

function packRuns(runs: readonly Run[]): PackedRuns {
  const packed: (number | string)[] = []
  let source = 0n
  let target = 0n
  for (const run of runs) {
    packed.push(offsetToJson(run.source - source), offsetToJson(run.target - target), run.count)
    source = run.source + BigInt(run.count)
    target = run.target + BigInt(run.count)
  }
  return packed
}

function unpackRuns(value: JsonValue): readonly Run[] {
  const numbers = value.list()
  if (numbers.length % 3 !== 0) throw value.wrong('three numbers for each run')
  const runs = new RunList()
  let source = 0n
  let target = 0n
  for (let i = 0; i < numbers.length; i += 3) {
    const [gap, targetGap, count] = numbers.slice(i, i + 3)
    if (!gap || !targetGap || !count) break
    source += gap.offset()
    target += targetGap.offset()
    const records = count.count()
    runs.append(source, target, records)
    source += BigInt(records)
    target += BigInt(records)
  }
  return runs.runs
}

/** Runs a decoder, and says of what it could not read which record it was. */
export function reading<T>(place: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!isTidemarkError(error, 'FILE_NOT_READABLE')) throw error
    throw new TidemarkError('MAP_RECORD_INVALID', `${place} cannot be understood: ${error.message}`, {
      hint: 'Something else writes to this topic; give the pipeline a topic of its own.',
      cause: error,
    })
  }
}
