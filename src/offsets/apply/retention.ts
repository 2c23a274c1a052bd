import type { Cluster } from '../../kafka/index.ts'

/**
 * How long a cluster keeps the positions of a group without members, in minutes. Not every principal may read broker settings: then it
 * is undefined, and nobody is told a date.
 */
export async function retentionMinutes(cluster: Pick<Cluster, 'brokerConfig'>): Promise<number | undefined> {
  try {
    const minutes = Number(await cluster.brokerConfig('offsets.retention.minutes'))
    return Number.isSafeInteger(minutes) && minutes > 0 ? minutes : undefined
  } catch {
    return undefined
  }
}
