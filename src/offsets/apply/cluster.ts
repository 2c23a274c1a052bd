import type { Cluster } from '../../kafka/index.ts'

/** What applying a plan needs of a cluster. */
export type PositionsCluster = Pick<
  Cluster,
  | 'clusterId'
  | 'listGroups'
  | 'describeGroups'
  | 'fetchPositions'
  | 'commitGroups'
  | 'deletePositions'
  | 'knowsShareOffsets'
  | 'topics'
  | 'listOffsets'
  | 'brokerConfig'
>
