import { type ListOptions, refuseHuge } from './map-json.ts'
import type { MapSet } from './map-set.ts'

/** Column names of {@link mapSetToCsv}, in order. Ends are inclusive. */
const MAP_CSV_COLUMNS = [
  'source_topic',
  'source_partition',
  'source_start',
  'source_end',
  'target_topic',
  'target_partition',
  'target_start',
  'target_end',
  'records',
] as const

/**
 * The ranges of the maps as CSV with a header line, piece by piece. Throws MAP_TOO_LARGE as the JSON form
 * does.
 */
export function* mapSetToCsv(set: MapSet, options: ListOptions = {}): Generator<string> {
  refuseHuge(set, options)
  yield `${MAP_CSV_COLUMNS.join(',')}\n`
  for (const map of set.maps) {
    const source = `${csvField(map.sourceTopic)},${map.sourcePartition}`
    const target = `${csvField(map.targetTopic)},${map.targetPartition}`
    for (const run of map.runs()) {
      const last = BigInt(run.count - 1)
      yield `${source},${run.source},${run.source + last},${target},${run.target},${run.target + last},${run.count}\n`
    }
  }
}

/** A field as CSV wants it: quoted where it holds a comma, a quote or a line break. */
function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
