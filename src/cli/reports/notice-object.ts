/** Something to know, as plans and restores have it. */
interface Notice {
  readonly code: string
  readonly message: string
  readonly topic?: string
  readonly partition?: number
  readonly group?: string
}

/** A notice for machines. */
export function noticeObject({
  code,
  message,
  topic,
  partition,
  group,
}: Notice): Readonly<Record<string, unknown>> {
  return { code, message, topic: topic ?? null, partition: partition ?? null, group: group ?? null }
}

/** Whether a group that was wanted is not there, because its positions could not be read. */
export function lacksGroups(notices: readonly Pick<Notice, 'code'>[]): boolean {
  return notices.some(({ code }) => code === 'capture-failed')
}
