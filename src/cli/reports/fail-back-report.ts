import type { FailBackReport } from '../../replicate/index.ts'
import { heavyRule, printable } from '../render/table.ts'
import { outcomeLines, outcomeObject, outcomeStatus } from './reset-outcome.ts'

/** The fields of `failback -o json`. */
export function failBackObject(report: FailBackReport): Readonly<Record<string, unknown>> {
  return {
    group: report.group,
    source_cluster_id: report.sourceClusterId,
    target_cluster_id: report.targetClusterId,
    resumed: report.resumed,
    proofs: report.proofs.map(({ topic, partition, proof }) => ({
      topic,
      partition,
      proof: proof.result,
      proof_detail: proof.detail,
    })),
    applied: outcomeObject(report.applied),
  }
}

/** What became of a fail-back, for people. */
export function failBackText(report: FailBackReport): string {
  return [
    `Fail-back of ${printable(report.group)}`,
    heavyRule,
    '',
    ...outcomeLines(report.applied),
    '',
    ...report.proofs.map(
      ({ topic, partition, proof }) => `${topic}/${partition}: next record ${proof.result}: ${proof.detail}`,
    ),
    '',
    report.resumed
      ? 'The group is kept in step again: start its consumers on the source.'
      : 'Not every position could be set: the group stays out of the sync.',
    '',
  ].join('\n')
}

/** 5 when a next record differs. */
export function failBackStatus(report: FailBackReport): 0 | 3 | 4 | 5 {
  if (report.proofs.some(({ proof }) => proof.result === 'different')) return 5
  return outcomeStatus(report.applied) || (report.resumed ? 0 : 3)
}
