import {
  type Clock,
  invariant,
  noTelemetry,
  RateLimit,
  systemClock,
  type Telemetry,
} from '../../base/index.ts'
import { type Cluster, Fetcher, GroupMember } from '../../kafka/index.ts'
import { SlabPool } from '../../records/index.ts'
import { connectBoth } from '../connect-both.ts'
import { ControlTable } from '../control/control-table.ts'
import { validateTopics } from '../control/own-topic-settings.ts'
import { type OwnTopicWish, openOwnTopics } from '../control/own-topics.ts'
import { Intake } from '../copy/intake.ts'
import { recodesAll } from '../copy/record-headers.ts'
import type { OwnTopic, ShardContext } from '../copy/shard-context.ts'
import { ShardRunner } from '../copy/shard-runner.ts'
import type { ReplicateJob } from '../job.ts'
import type { ReplicationReport, ReplicationStatus } from '../status.ts'
import { Catalogue } from '../topics/catalogue.ts'
import { TargetTopics } from '../topics/target-topics.ts'
import { assignMembers, decodeAssignment, encodeMembership, workerProtocol } from '../workers/membership.ts'
import { groupOf } from '../workers/shards.ts'
import { hostWorkerName } from '../workers/worker-name.ts'
import { CopiedBefore } from './copied-before.ts'
import { LoopCheck } from './loop-check.ts'
import { Shards } from './shards.ts'
import { StatusBook } from './status-book.ts'

export interface ReplicationContext {
  /** Ends the run when it aborts: open transactions are committed, the group is left. */
  readonly signal: AbortSignal
  readonly telemetry?: Telemetry
  readonly clock?: Clock
}

/** Fetches of a connection between two commits, under steady traffic; and ms between two of them at most. */
const fetchesPerCommit = 2
const longestGather = 50

/** A worker of a pipeline. */
export interface Replication {
  /** Resolves when it has ended because it was told to; rejects with what ended it. */
  readonly done: Promise<ReplicationReport>
  status(): ReplicationStatus
}

/** Starts a worker: it runs until its signal aborts, or until something ends it that waiting does not cure. */
export function startReplication(job: ReplicateJob, context: ReplicationContext): Replication {
  const book = new StatusBook(job.name, (context.clock ?? systemClock).now())
  return { done: run(job, context, book), status: () => book.status() }
}

async function run(
  job: ReplicateJob,
  { signal, telemetry = noTelemetry, clock = systemClock }: ReplicationContext,
  book: StatusBook,
): Promise<ReplicationReport> {
  const began = clock.monotonic()
  await using clusters = await connectBoth(job, { signal, telemetry })
  const { source, target } = clusters
  const catalogue = new Catalogue(job, source, target, telemetry)
  await catalogue.refresh(signal)
  const loopCheck = new LoopCheck(job, { source, target, topics: catalogue.topics, telemetry, signal })
  // Before anything is made: a pipeline that is refused leaves nothing behind.
  await loopCheck.first()
  const refused = loopCheck.sure().catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  refused.catch(() => {})
  const [controlTopic, mapTopic] = await ownTopics(job, target, telemetry)
  if (job.validateTopics) {
    const map = mapTopic ? [{ name: mapTopic.name, kind: 'history' as const }] : []
    await validateTopics(target, [{ name: controlTopic.name, kind: 'compacted' }, ...map])
  }

  /** Ends everything beside the shards: they end first. */
  const closing = new AbortController()
  await using control = new ControlTable(target, {
    topic: controlTopic.name,
    topicId: controlTopic.id,
    pipeline: job.name,
    cluster: source.clusterId,
    patience: job.controlTimeout,
    signal: closing.signal,
  })
  const intake = new Intake(job.memory)
  const memory = recodesAll(job) ? Math.floor((job.memory * 3) / 4) : job.memory
  const gather = Math.min(longestGather, job.commitInterval / fetchesPerCommit)
  const options = { memory, maxBytes: job.fetchMaxBytes, gather, lasting: true }
  const fetcher = new Fetcher(source, options, intake)
  intake.attach(fetcher)
  const copiedBefore = new CopiedBefore(job, source, target)
  const targets = new TargetTopics(job, source, target, telemetry)
  await using name = await hostWorkerName(job.name)
  let member: GroupMember | undefined
  const shardContext: ShardContext = {
    job,
    source,
    target,
    control,
    controlTopic,
    mapTopic,
    targets,
    intake,
    slabs: new SlabPool(),
    limit: new RateLimit(job.rateLimitBytes, job.rateLimitRecords, clock),
    clock,
    telemetry,
    totals: book.totals,
    routes: (shard) => catalogue.routes(shard),
    routesAsked: () => catalogue.askedAt,
    misses: (topic, partition) => catalogue.misses(topic, partition),
    happened: (event) => book.happened(event),
    mayBegin: async (shard) => {
      // Where it is refused the run ends, and with it whoever waits here.
      await refused.catch(() => forever())
      await copiedBefore.refuseToRepeat(shard, control)
    },
    confirm: async () => (await member?.confirm()) ?? false,
  }
  const shards = new Shards((shard) => new ShardRunner(shardContext, shard))
  let generation = 0
  member = new GroupMember(target, {
    group: groupOf(job.name),
    protocolType: workerProtocol.type,
    protocol: workerProtocol.name,
    instanceId: job.workerId ?? (name.lasting ? name.name : undefined),
    sessionTimeout: job.sessionTimeout,
    rebalanceTimeout: job.sessionTimeout,
    metadata: () =>
      encodeMembership({
        worker: job.workerId ?? name.name,
        generation,
        owned: shards.assigned,
        control: controlTopic.name,
      }),
    assign: assignMembers,
    assigned: (bytes) => {
      const assignment = decodeAssignment(bytes)
      generation = assignment.generation
      book.workers = assignment.workers
      telemetry.log('info', 'shards were assigned', {
        shards: assignment.shards.join(', '),
        workers: assignment.workers,
      })
      telemetry.gauge('replicate_shards', assignment.shards.length)
      telemetry.gauge('replicate_workers', assignment.workers)
      shards.assign(assignment.shards)
      book.state = 'running'
    },
    expelled: (reason) => {
      telemetry.log('warn', 'the group does not know this worker any more: its shards belong to others', {
        error: reason.message,
      })
      shards.assign([])
    },
    troubled: (error) =>
      telemetry.log('debug', 'the group of workers cannot be reached', { error: error.message }),
  })
  book.attach(job.workerId ?? name.name, shards, catalogue)

  const fetching = fetcher.run(closing.signal)
  const stopped = new Promise<'stopped'>((resolve) => {
    if (signal.aborted) resolve('stopped')
    signal.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
  const membership = member.run(closing.signal)
  const looking = lookAgain(job, catalogue, targets, shards, telemetry, clock, closing.signal)
  for (const work of [fetching, membership, looking]) work.catch(() => {})
  try {
    await Promise.race([stopped, shards.failed, fetching, membership, looking, refused.then(() => forever())])
  } finally {
    book.state = 'stopping'
    await shards.stop()
    await member.leave('the worker was stopped')
    closing.abort()
    await Promise.allSettled([fetching, membership, looking])
    book.state = 'ended'
  }
  return { ...book.status(), interrupted: signal.aborted, durationMs: Math.round(clock.monotonic() - began) }
}

async function ownTopics(
  { controlTopic, mapTopic }: ReplicateJob,
  target: Cluster,
  telemetry: Telemetry,
): Promise<readonly [control: OwnTopic, map: OwnTopic | undefined]> {
  const wishes: OwnTopicWish[] = [{ choice: controlTopic, kind: 'control' }]
  if (mapTopic) wishes.push({ choice: mapTopic, kind: 'map' })
  const infos = await openOwnTopics(target, wishes, telemetry)
  const configs = await target.topicConfigs(infos.map(({ name }) => name))
  const [control, map] = infos.map(({ name, id, partitions }): OwnTopic => {
    const limit = configs.get(name)?.find((config) => config.name === 'max.message.bytes')?.value
    return { name, id, partitions: partitions.length, limit: Number(limit ?? 1 << 20) }
  })
  invariant(control !== undefined, 'a pipeline has a control topic')
  return [control, map]
}

function forever(): Promise<never> {
  return new Promise(() => {})
}

/** Looks for topics, partitions and settings again and again. What fails in passing is told, and tried the next time. */
async function lookAgain(
  job: ReplicateJob,
  catalogue: Catalogue,
  targets: TargetTopics,
  shards: Shards,
  telemetry: Telemetry,
  clock: Clock,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    await clock.sleep(job.topicRefresh, signal)
    try {
      const others = await catalogue.refresh(signal)
      if ((await targets.count(signal)) || others) shards.routesChanged()
      await targets.follow(shards.keptTopics(catalogue.topics))
    } catch (error) {
      signal.throwIfAborted()
      const reason = error instanceof Error ? error.message : String(error)
      telemetry.log('warn', 'topics could not be looked for', { error: reason })
    }
  }
}
