import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import type { TestCluster } from '../../test/support/brokers.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { benchCluster } from '../data.ts'
import type { CopyJob } from './replicator.ts'

/** Seconds between two rounds of the synchronisation of groups, on both sides. */
export const interval = 1

/** Two clusters, on which every system does its work in turn. */
export interface Stage extends AsyncDisposable {
  readonly source: TestCluster
  readonly target: TestCluster
  readonly sourceCluster: Cluster
  readonly targetCluster: Cluster
  readonly folder: string
  /** A copy of a topic under a new name, and of the groups whose names begin with it. */
  job(topic: string): CopyJob
  /** Deletes every topic that a copy has made, on both sides. */
  remove(job: CopyJob): Promise<void>
}

export async function openStage(): Promise<Stage> {
  await using undo = new AsyncDisposableStack()
  const folder = undo.use(await tempFolder('bench'))
  const [source, target] = await Promise.all([benchCluster(), benchCluster()])
  undo.use(source)
  undo.use(target)
  const sourceCluster = undo.use(await connectCluster({ bootstrap: [source.bootstrap] }))
  const targetCluster = undo.use(await connectCluster({ bootstrap: [target.bootstrap] }))
  const held = undo.move()
  let jobs = 0
  return {
    source,
    target,
    sourceCluster,
    targetCluster,
    folder: folder.path,
    job: (topic) => {
      const id = `copy${++jobs}x`
      return {
        ...{ id, topic, interval, folder: folder.path, groups: `${id}-.*` },
        ...{ source: source.bootstrap, target: target.bootstrap },
      }
    },
    async remove({ id }) {
      for (const cluster of [sourceCluster, targetCluster]) {
        const names = (await cluster.topics()).map(({ name }) => name).filter((name) => name.includes(id))
        await cluster.deleteTopics(names)
      }
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
