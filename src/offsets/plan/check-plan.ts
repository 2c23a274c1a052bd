import { TidemarkError } from '../../base/index.ts'
import type { Plan } from './plan.ts'

/** Throws SOURCE_MISMATCH when a plan was made for another cluster. */
export function checkPlanCluster(plan: Pick<Plan, 'clusterId'>, clusterId: string): void {
  if (plan.clusterId === clusterId) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The plan was made for cluster ${plan.clusterId}, but this is cluster ${clusterId}`,
    { hint: 'Check the address, or make a plan for this cluster.' },
  )
}
