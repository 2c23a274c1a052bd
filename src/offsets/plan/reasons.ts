import type { PartitionMap } from '../map/partition-map.ts'
import type { MergedTranslation, MissingPolicy } from '../translate/merge.ts'
import type { AbsenceReason, PassedOver, Translation } from '../translate/translation.ts'
import { sentence } from './planner.ts'

const absences: Readonly<Record<AbsenceReason, string>> = {
  'compacted-or-marker': 'compacted away or transaction markers',
  aborted: 'of aborted transactions',
  'outside-window': 'outside the time window, compacted away or transaction markers',
  gap: 'missing in the backup',
}

/** What there is to say about a translation; empty where the next record read is simply the next one. */
export function translationReason(answer: Translation, position: bigint, map: PartitionMap): string {
  switch (answer.kind) {
    case 'exact':
      return passedReason(answer.passedOver)
    case 'before-copy':
      return `position ${position} lies before the first record copied, source offset ${map.first?.source}`
    case 'ahead-of-copy':
      return `position ${position} lies ${answer.ahead} beyond what the copy knew of; reading goes on at its end`
    case 'empty':
      return 'nothing was copied; reading begins where the copy would have begun'
    case 'floor':
      return `the map does not know every record: reading begins after the last one known before position ${position}; at most ${answer.atMost} records are read again`
    case 'unmapped':
      return `position ${position} lies before source offset ${answer.completeFrom}, from which on the map is complete`
  }
}

/** What there is to say about a target partition that holds records of several source partitions. */
export function mergedReason(answer: MergedTranslation, without: number, missing: MissingPolicy): string {
  if (answer.kind === 'unmapped') {
    const { sourceTopic, sourcePartition, completeFrom } = answer.source
    return `the map of ${sourceTopic}/${sourcePartition} is complete only from source offset ${completeFrom} on`
  }
  const taken = missing === 'earliest' ? 'unread' : 'read'
  return sentence(
    answer.kind === 'empty' ? 'nothing was copied; reading begins where the copy would have begun' : '',
    answer.kind === 'floor' ? 'a map does not know every record: rounded down' : '',
    answer.kind === 'ahead-of-copy' ? 'a position lies beyond what the copy knew of' : '',
    without > 0 ? `${without} source partition(s) without a position are taken as ${taken}` : '',
    answer.reread > 0
      ? `${answer.kind === 'floor' ? 'at most ' : ''}${answer.reread} records are read again`
      : '',
  )
}

function passedReason(passed: PassedOver | undefined): string {
  if (passed === undefined) return ''
  const { from, to, reasons } = passed
  const range = to - from === 1n ? `source offset ${from}` : `source offsets ${from}-${to - 1n}`
  const why = reasons.map((reason) => absences[reason]).join(', ')
  return `passes over ${range} (${why === '' ? 'no records there were copied' : why})`
}
