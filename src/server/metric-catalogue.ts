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
    name: 'replicate_records',
    kind: 'counter',
    component: 'app',
    labels: ['topic'],
    help: 'Records copied and committed on the target.',
  },
  {
    name: 'replicate_bytes',
    kind: 'counter',
    component: 'app',
    labels: ['topic'],
    help: 'Bytes of record batches copied and committed.',
  },
  {
    name: 'replicate_lag_records',
    kind: 'gauge',
    component: 'app',
    labels: ['topic', 'partition'],
    help: 'Source offsets up to its last stable offset that are not committed on the target yet; markers count too.',
  },
  {
    name: 'replicate_lag_ms',
    kind: 'gauge',
    component: 'app',
    labels: ['topic', 'partition'],
    help: 'Time between the newest record that was copied and its commit on the target.',
  },
  {
    name: 'replicate_transactions',
    kind: 'counter',
    component: 'target-producer',
    labels: ['outcome'],
    help: 'Transactions on the target: committed or aborted.',
  },
  {
    name: 'replicate_map_runs',
    kind: 'counter',
    component: 'target-producer',
    labels: [],
    help: 'Runs of the offset map that were published.',
  },
  {
    name: 'replicate_source_changes',
    kind: 'counter',
    component: 'source-consumer',
    labels: ['topic', 'type'],
    help: 'Changes at the source that cost records: gap, truncated, recreated, lost.',
  },
  {
    name: 'replicate_errors',
    kind: 'counter',
    component: 'app',
    labels: ['code'],
    help: 'Errors after which a shard was taken over anew, or a partition was not copied, by code.',
  },
  {
    name: 'replicate_duplicates',
    kind: 'counter',
    component: 'target-producer',
    labels: [],
    help: 'Records that may have been copied twice: only with exactlyOnce disabled.',
  },
  {
    name: 'replicate_shards',
    kind: 'gauge',
    component: 'app',
    labels: [],
    help: 'Shards that this worker has, of 16.',
  },
  {
    name: 'replicate_workers',
    kind: 'gauge',
    component: 'app',
    labels: [],
    help: 'Workers of the pipeline.',
  },
  {
    name: 'sync_turn',
    kind: 'gauge',
    component: 'app',
    labels: [],
    help: 'Whether this program keeps the groups in step (1), or stands by (0).',
  },
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
    help: 'Records of the mapping topic and the control topic that were read.',
  },
  {
    name: 'mapping_bytes_read',
    kind: 'counter',
    component: 'target-consumer',
    labels: [],
    help: 'Bytes of the mapping topic and the control topic that were read.',
  },
  {
    name: 'errors',
    kind: 'counter',
    component: 'app',
    labels: ['code'],
    help: 'Errors by their code, those that were got over included.',
  },
]
