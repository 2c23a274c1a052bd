import { connectCluster } from './src/kafka/index.ts'
const c = await connectCluster({ bootstrap: ['127.0.0.1:23369'] })
console.log(await c.deleteGroups((await c.listGroups()).map(({ group }) => group)))
await c[Symbol.asyncDispose]()
