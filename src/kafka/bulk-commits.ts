import { TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { asTidemark, CommitJob } from './commit-job.ts'
import { CommitLanes } from './commit-lanes.ts'
import type { Coordinators } from './coordinators.ts'
import { sendCommit } from './group-commits.ts'
import type { Leaders } from './leaders.ts'
import type { Session } from './session.ts'
import { sendStartOffsets } from './share-offsets.ts'
import type { CommitBounds, CommittedGroup, GroupCommit, Position } from './types.ts'

/** Ms for one commit: unless told otherwise, brokers give up on it after half of that (`offsets.commit.timeout.ms`). */
const commitTimeout = 10_000

/** Pauses where retries are counted: long enough that a few of them outlast an election. */
const countedPauses = { delay: 500, maxDelay: 10_000 }

/**
 * Commits positions of many groups, each group's in one request: round by round, all coordinators at once, several connections to
 * each. What succeeded or failed for good is done; what failed in passing goes into the next round, partition by partition,
 * to the coordinator that is found then. Never rejects: every position has its outcome.
 */
export async function commitGroups(
  session: Session,
  coordinators: Coordinators,
  leaders: Leaders,
  commits: readonly GroupCommit[],
  bounds: CommitBounds = {},
): Promise<readonly CommittedGroup[]> {
  const { retries, concurrency = 32, onGroup } = bounds
  const signal = bounds.signal ? AbortSignal.any([session.signal, bounds.signal]) : session.signal
  using lanes = new CommitLanes(session, concurrency, signal)
  const jobs = commits.map((commit) => new CommitJob(commit))
  const told = new Set<CommitJob>()
  const tell = (job: CommitJob) => {
    if (job.open.length > 0 || told.has(job)) return
    told.add(job)
    onGroup?.(job.outcome())
  }
  let open: readonly CommitJob[] = jobs.filter((job) => job.open.length > 0)

  const round = async (attempt: number): Promise<void> => {
    const routes = await coordinators.route(open, attempt, (job) => job.group, 'commit positions')
    const send = async (job: CommitJob, connection: BrokerConnection) => {
      await job.send((group, positions) =>
        job.share
          ? sendStartOffsets(session, leaders, connection, group, positions, offsetOf, commitTimeout)
          : sendCommit(session, leaders, connection, group, positions, commitTimeout),
      )
      tell(job)
    }
    const parts = Map.groupBy(open, (job) => routes.get(job))
    await Promise.all(
      [...parts].map(async ([route, part]) => {
        if (typeof route !== 'number') {
          for (const job of part) job.notSent(asTidemark(route, job.group))
          return
        }
        const { left, reason } = await lanes.run(route, part, lanes.width(part.length, parts.size), send)
        for (const job of left) {
          job.notSent(signal.aborted ? interrupted(job.group) : asTidemark(reason, job.group))
        }
      }),
    )
    for (const job of open) tell(job)
    open = open.filter((job) => job.open.length > 0)
    if (open[0] !== undefined) throw open[0].lastError
  }

  try {
    const counted = retries === undefined ? {} : { attempts: retries + 1, ...countedPauses }
    await session.retrying(round, { signal, ...counted })
  } catch (error) {
    for (const job of open) job.giveUp(signal.aborted ? interrupted(job.group) : asTidemark(error, job.group))
  }
  for (const job of jobs) tell(job)
  return jobs.map((job) => job.outcome())
}

function offsetOf({ offset }: Position): bigint {
  return offset
}

function interrupted(group: string): TidemarkError {
  return new TidemarkError('INTERRUPTED', `Interrupted before the positions of '${group}' were set`, {
    details: { group },
    hint: 'Run the same command again: it goes on where it stopped.',
  })
}
