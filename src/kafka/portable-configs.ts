/** Settings that name brokers of the source: they mean nothing on another cluster. */
const ofSourceCluster = new Set([
  'leader.replication.throttled.replicas',
  'follower.replication.throttled.replicas',
])

/** Whether a setting of a topic may go to another cluster at all. */
export function isPortable(name: string): boolean {
  return !ofSourceCluster.has(name)
}
