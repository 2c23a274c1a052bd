/**
 * The part of a program that a metric tells of: it decides the prefix of the name (`metrics.prefix` in the file).
 * `app` is the program itself.
 */
export type MetricComponent = 'app' | 'source-consumer' | 'target-consumer' | 'target-producer'

export interface MetricEntry {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly component: MetricComponent
  readonly labels: readonly string[]
  readonly help: string
}

/**
 * Every metric, by the name under which the rooms count. `docs/replication.md` lists them; a test compares the two both ways.
 * Counters get `_total` behind their name in Prometheus.
 */
export const metricCatalogue: readonly MetricEntry[] = [
  {
    name: 'sync_rounds',
    kind: 'counter',
    component: 'app',
    labels: [],
    help: 'Rounds of the group sync that went through.',
  },
  {
    name: 'sync_round_seconds',
    kind: 'gauge',
    component: 'app',
    labels: [],
    help: 'How long the last round of the group sync took.',
  },
  {
    name: 'groups_seen',
    kind: 'gauge',
    component: 'app',
    labels: [],
    help: 'Groups on the source that are chosen and have a position in a mapped topic.',
  },
  {
    name: 'groups_in_step',
    kind: 'gauge',
    component: 'app',
    labels: [],
    help: 'Groups all of whose positions stand on the target where they belong.',
  },
  {
    name: 'positions',
    kind: 'gauge',
    component: 'app',
    labels: ['state'],
    help: 'Positions by what the last round made of them: in-step, committed, or why not.',
  },
  {
    name: 'positions_skipped',
    kind: 'counter',
    component: 'app',
    labels: ['reason'],
    help: 'Positions that were left alone, by reason, counted when the reason changes.',
  },
  {
    name: 'positions_committed',
    kind: 'counter',
    component: 'target-producer',
    labels: ['cause'],
    help: 'Positions committed on the target, by cause.',
  },
  {
    name: 'mappings',
    kind: 'gauge',
    component: 'app',
    labels: [],
    help: 'Partitions that the offset map knows.',
  },
  {
    name: 'mapping_records_read',
    kind: 'counter',
    component: 'target-consumer',
    labels: [],
    help: 'Records of the mapping topic that were read.',
  },
  {
    name: 'mapping_bytes_read',
    kind: 'counter',
    component: 'target-consumer',
    labels: [],
    help: 'Bytes of the mapping topic that were read.',
  },
  {
    name: 'errors',
    kind: 'counter',
    component: 'app',
    labels: ['code'],
    help: 'Errors by their code, those that were got over included.',
  },
]
