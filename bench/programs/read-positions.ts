/** Lists every group of a cluster, reads its positions, log start and log end as Kafka's tool does, and prints how many positions there are. */
import { connectCluster } from '../../src/kafka/index.ts'
import { readTarget } from '../../src/offsets/index.ts'

const bootstrap = process.argv[2] ?? ''
await using cluster = await connectCluster({ bootstrap: [bootstrap] })
const started = performance.now()
const listed = await cluster.listGroups()
const described = await cluster.describeGroups(listed)
const topics = (await cluster.topics()).map(({ name }) => name)
const groups = described.done.map(({ group }) => group)
const { current } = await readTarget(cluster, groups, topics)
const count = current.done.reduce((sum, { positions }) => sum + positions.length, 0)
process.stdout.write(`${count} ${((performance.now() - started) / 1000).toFixed(2)}\n`)
