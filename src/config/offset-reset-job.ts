import type { TopicRule } from '../restore/index.ts'
import { checkPatterns } from './backup-job.ts'
import type { Problems } from './problems.ts'
import type { OffsetResetSection } from './side-schemas.ts'
import { topicRules } from './topic-rules.ts'

/** An `offset_reset` section with what follows from it. */
export interface OffsetResetJob extends OffsetResetSection {
  /** Undefined where the section has no topic_mapping of its own. */
  readonly topicRules: readonly TopicRule[] | undefined
}

/** What does not fit together goes to the problems. */
export function offsetResetJob(section: OffsetResetSection, problems: Problems): OffsetResetJob {
  checkPatterns(section.groups ?? [], ['offset_reset', 'groups'], problems)
  if (section.sample_rate < 1 && section.scan_all_partitions) {
    problems.add(['offset_reset', 'sample_rate'], 'excludes scan_all_partitions: true', {
      hint: 'where records found new partitions, a part of the log says too little',
    })
  }
  const { topic_mapping: mapping } = section
  return {
    ...section,
    topicRules: mapping && topicRules(mapping, ['offset_reset', 'topic_mapping'], problems),
  }
}
