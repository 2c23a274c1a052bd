import { join } from 'node:path'
import { connectCluster } from '../../src/kafka/index.ts'
import { kafkaJars } from '../../test/support/kafka-jars.ts'
import { kafkaTools } from '../../test/support/kafka-tools.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { account } from '../child.ts'
import { groupsCluster } from '../data.ts'
import { compared } from '../report.ts'

const topic = 'orders'
const partitions = 10

/** Positions of thousands of groups, against Kafka's own tool: a process of ours for each round, as the tool is one. */
export async function groupPositions(rounds: number, scale: number): Promise<void> {
  const groups = Array.from({ length: Math.max(1, Math.round(5000 * scale)) }, (_, i) => `app-${i}`)
  await using folder = await tempFolder('bench')
  await using brokers = await groupsCluster()
  await using cluster = await connectCluster({ bootstrap: [brokers.bootstrap] })
  await cluster.createTopics([{ name: topic, partitions, replicationFactor: 1, configs: {} }])
  const positions = Array.from({ length: partitions }, (_, partition) => ({
    ...{ topic, partition, offset: 0n, leaderEpoch: -1, metadata: '' },
  }))
  await cluster.commitGroups(groups.map((group) => ({ group, positions })))
  const jars = await kafkaJars('4.2.0')
  const program = new URL('../programs/read-positions.ts', import.meta.url).pathname
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const run = await account([process.execPath, program, brokers.bootstrap], join(folder.path, 'ours.log'))
    const [read = '', inProcess = ''] = run.output.trim().split(' ')
    if (Number(read) !== groups.length * partitions) throw new Error(`Only ${read} positions were read`)
    process.stdout.write(`  ours: ${run.wall.toFixed(2)} s, of which ${inProcess} s after connecting\n`)
    ours.push(run.wall)
    const tool = ['java', '-Xmx1g', '-cp', `${jars}/*`, kafkaTools.groups]
    const described = await account(
      [...tool, '--bootstrap-server', brokers.bootstrap, '--all-groups', '--describe', '--timeout', '600000'],
      join(folder.path, 'theirs.log'),
    )
    theirs.push(described.wall)
  }
  compared({
    question: `positions of ${groups.length} groups × ${partitions} partitions`,
    rival: 'kafka-consumer-groups --all-groups --describe',
    reach: '≥ 5×',
    unit: 's',
    ours,
    theirs,
    better: 'less',
  })
}
