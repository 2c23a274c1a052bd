import { rename, rm } from 'node:fs/promises'
import { startCluster } from './brokers.ts'
import { JavaAdmin } from './java-admin.ts'
import { startJavaClient } from './java-client.ts'
import { classArchive, type JavaPurpose } from './java-programs.ts'
import { exists } from './kafka-jars.ts'

/**
 * Keeps the classes that a broker and Kafka's client load, so that later JVMs need not find, read and check them again.
 * Once for each machine and state of the sources; about half a minute. A JVM that cannot keep its classes is no reason not to test:
 * then every start takes longer.
 */
export async function keepClasses(): Promise<void> {
  const missing = new Map<JavaPurpose, string>()
  for (const purpose of ['broker', 'client'] as const) {
    const file = await classArchive(purpose, '4.2.0')
    if (!(await exists(file))) missing.set(purpose, file)
  }
  if (missing.size === 0) return
  process.stderr.write('Preparing the Java programs of the tests (once)\n')
  const unfinished = (purpose: JavaPurpose) => {
    const file = missing.get(purpose)
    return file && `${file}.${process.pid}`
  }
  try {
    await dumpClasses(unfinished('broker'), unfinished('client'))
  } catch (error) {
    process.stderr.write(`Their classes could not be kept: ${String(error).slice(0, 300)}\n`)
  }
  for (const [purpose, file] of missing) {
    const from = unfinished(purpose) ?? ''
    await rename(from, file).catch(() => {})
    await rm(from, { force: true })
  }
}

/** Uses a broker and the client a little; at their end they write what they have loaded. */
async function dumpClasses(broker: string | undefined, client: string | undefined): Promise<void> {
  await using cluster = await startCluster({ jvm: broker ? dump(broker) : [] })
  await using java = await startJavaClient({ jvm: client ? dump(client) : [] })
  await use(java, cluster.bootstrap)
  await java.end()
  await cluster.broker(1).stop()
}

function dump(file: string): readonly string[] {
  return [`-XX:ArchiveClassesAtExit=${file}`, '-Xlog:disable']
}

/** Does a little of everything. */
async function use(java: Awaited<ReturnType<typeof startJavaClient>>, bootstrap: string): Promise<void> {
  const admin = new JavaAdmin(java, bootstrap)
  await admin.createTopic('classes', 2)
  for (const transactional of [false, true]) {
    const producer = await java.producer({
      'bootstrap.servers': bootstrap,
      ...(transactional && { 'transactional.id': 'classes' }),
    })
    if (transactional) await producer.begin()
    for (const partition of [0, 1]) producer.send({ topic: 'classes', partition, key: 'key', value: 'value' })
    await (transactional ? producer.commit() : producer.flush())
    await producer.close()
  }
  await java.commitOffset(bootstrap, 'classes', 'classes', 0, 1n)
  await java.read(bootstrap, 'classes', 0)
  await admin.positions('classes')
  await admin.group('classes')
  await (await admin.join('classes', 'classes', 'member'))[Symbol.asyncDispose]()
  await java.tool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', [
    ...['--bootstrap-server', bootstrap, '--group', 'classes', '--describe'],
  ])
  await java.tool('org.apache.kafka.tools.TopicCommand', ['--bootstrap-server', bootstrap, '--describe'])
}
