import type { ThreePhaseReport } from '../../restore/index.ts'
import type { ExitStatus } from '../exit-status.ts'
import { bytesText, plural } from '../render/quantities.ts'
import { heavyRule } from '../render/table.ts'
import { outcomeLines } from './reset-outcome.ts'
import { noticeLines, positionsObject, restoreObject, restoreStatus, restoreText } from './restore-report.ts'

/** The fields of `three-phase-restore -o json`. */
export function threePhaseObject(report: ThreePhaseReport): Readonly<Record<string, unknown>> {
  const { positions: _, ...restore } = restoreObject(report.restore)
  return { restore, map: report.map ?? null, positions: positionsObject(report.positions) }
}

/** The report for people, a part for each phase. */
export function threePhaseText(report: ThreePhaseReport, file: string): string {
  const { restore, map, positions } = report
  const parts = [
    `Phase 1: restore data\n${heavyRule}\n${restoreText({ ...restore, positions: undefined }, file)}`,
    `Phase 2: map offsets\n${heavyRule}\n${
      map === undefined
        ? 'No map: the copy did not get so far\n'
        : `${plural(map.records, 'record')} of ${plural(map.partitions, 'partition')} mapped exactly, in ${plural(map.ranges, 'range')} (${bytesText(map.bytes)})\n`
    }`,
    `Phase 3: set positions of consumer groups\n${heavyRule}\n${phaseThree(report)}`,
  ]
  if (positions !== undefined && restoreStatus(restore) === 0) {
    parts.push('Prove it: kafka-backup verify with the same -c FILE\n')
  }
  return parts.join('\n')
}

function phaseThree({ restore, positions }: ThreePhaseReport): string {
  if (positions !== undefined) {
    const notices = noticeLines(positions.plan.notices).map((line) => `${line}\n`)
    return `${outcomeLines(positions.applied).join('\n')}\n${notices.join('')}`
  }
  if (restore.dryRun) return 'Not done in a dry run\n'
  if (restore.alreadyDone) return 'Done by an earlier run\n'
  return restore.interrupted ? 'The run did not get so far\n' : 'No groups were asked for\n'
}

/** Exit status: that of the data, else that of the positions. */
export function threePhaseStatus(report: ThreePhaseReport): ExitStatus {
  return restoreStatus({ ...report.restore, positions: report.positions })
}
