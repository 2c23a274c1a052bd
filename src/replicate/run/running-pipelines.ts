import { isTidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import { decodeMembership, workerProtocol } from '../workers/membership.ts'

/**
 * Control topics of the pipelines whose workers run against the cluster as their target, as the members of their groups say it. Groups
 * that may not be described are not seen, nor those of pipelines that stand still, or whose group is being formed or taken over.
 */
export async function controlTopicsOfRunning(cluster: Cluster): Promise<readonly string[]> {
  try {
    const groups = await cluster.listGroups({ lookAgain: false })
    const workers = groups.filter(({ protocolType }) => protocolType === workerProtocol.type)
    if (workers.length === 0) return []
    const { done } = await cluster.describeGroups(workers)
    const members = done.flatMap((group) => group.members.map(({ metadata }) => decodeMembership(metadata)))
    return [...new Set(members.flatMap(({ control }) => control ?? []))]
  } catch (error) {
    if (isTidemarkError(error, 'AUTHORIZATION_FAILED')) return []
    throw error
  }
}
