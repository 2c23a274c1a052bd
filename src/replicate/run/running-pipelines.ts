import { isTidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import { decodeMembership, workerProtocol } from '../workers/membership.ts'

/**
 * Control topics of the pipelines whose workers run against the cluster as their target, as the members of their groups say it. Groups
 * that may not be described are not seen, nor those of pipelines that stand still or are just sharing out their work.
 */
export async function controlTopicsOfRunning(cluster: Cluster): Promise<readonly string[]> {
  try {
    const workers = (await cluster.listGroups()).filter(
      ({ protocolType }) => protocolType === workerProtocol.type,
    )
    if (workers.length === 0) return []
    const { done } = await cluster.describeGroups(workers)
    const members = done.flatMap((group) => group.members.map(({ metadata }) => decodeMembership(metadata)))
    return [...new Set(members.flatMap(({ control }) => control ?? []))]
  } catch (error) {
    if (isTidemarkError(error, 'AUTHORIZATION_FAILED')) return []
    throw error
  }
}
