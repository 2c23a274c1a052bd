import { TidemarkError } from '../../base/index.ts'
import type { Cluster, TopicConfig } from '../../kafka/index.ts'

/**
 * Refuses a control topic whose settings lose what is kept in it: positions need compaction, and compaction alone; the map must not be
 * compacted, or the newest entry of a partition would be all that is left.
 */
export async function validateTopics(
  target: Cluster,
  topics: readonly { readonly name: string; readonly kind: 'compacted' | 'history' }[],
): Promise<void> {
  const configs = await target.topicConfigs(topics.map(({ name }) => name))
  for (const { name, kind } of topics) {
    const policy = policyOf(configs.get(name) ?? [])
    if (policy === undefined) continue
    const fits = kind === 'compacted' ? policy === 'compact' : policy === 'delete'
    if (fits) continue
    const wanted = kind === 'compacted' ? 'compact' : 'delete'
    throw new TidemarkError(
      'CONFIG_INVALID',
      `The topic ${name} has cleanup.policy=${policy}, and needs ${wanted}: it would lose what is kept in it`,
      {
        details: { topic: name },
        hint: `Set cleanup.policy=${wanted} on it, or features.validateControlTopicSettings to disabled.`,
      },
    )
  }
}

function policyOf(configs: readonly TopicConfig[]): string | undefined {
  return configs
    .find(({ name }) => name === 'cleanup.policy')
    ?.value.split(',')
    .map((one) => one.trim())
    .sort()
    .join(',')
}
