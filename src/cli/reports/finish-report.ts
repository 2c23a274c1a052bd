import type { FinishReport } from '../../restore/index.ts'
import { printable } from '../render/table.ts'
import { noticeObject } from './notice-object.ts'
import { noticeLines } from './restore-report.ts'

/** The fields of `restore finish -o json`. */
export function finishObject(report: FinishReport): Readonly<Record<string, unknown>> {
  return {
    restore_id: report.restoreId,
    topics: report.topics.map(({ topic, configs }) => ({ topic, configs })),
    notices: report.notices.map(noticeObject),
  }
}

/** The report for people. */
export function finishText(report: FinishReport): string {
  const lines = [
    report.topics.length === 0
      ? `Restore ${printable(report.restoreId)}: no settings were waiting`
      : `Restore ${printable(report.restoreId)}: settings applied`,
    ...report.topics.map(({ topic, configs }) => {
      const settings = Object.entries(configs).map(([name, value]) => `${name}=${value}`)
      return `  ${printable(topic)}: ${printable(settings.join(' '))}`
    }),
    ...noticeLines(report.notices),
  ]
  return `${lines.join('\n')}\n`
}
