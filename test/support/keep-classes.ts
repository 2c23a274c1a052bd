import { rename, rm } from 'node:fs/promises'
import { startCluster, type TestCluster } from './brokers.ts'
import { JavaAdmin } from './java-admin.ts'
import { startJavaClient } from './java-client.ts'
import { hostVariable, startJavaHost } from './java-host.ts'
import { classArchive } from './java-programs.ts'
import { exists, type KafkaVersion, kafkaVersions } from './kafka-jars.ts'

/**
 * Keeps the classes that brokers and Kafka's client load, so that later JVMs need not find, read and check them again.
 * Once for each machine and state of the sources; about half a minute. A JVM that cannot keep its classes is no reason not to test:
 * then every start takes longer.
 */
export async function keepClasses(): Promise<void> {
  for (const version of kafkaVersions) {
    const file = await classArchive(version)
    if (await exists(file)) continue
    process.stderr.write(`Preparing the Java programs of the tests, Kafka ${version} (once)\n`)
    const unfinished = `${file}.${process.pid}`
    try {
      await dumpClasses(version, [`-XX:ArchiveClassesAtExit=${unfinished}`, '-Xlog:disable'])
      await rename(unfinished, file)
    } catch (error) {
      process.stderr.write(`Their classes could not be kept: ${String(error).slice(0, 300)}\n`)
    }
    await rm(unfinished, { force: true })
  }
}

/** Uses a broker, and the client where they share a JVM, a little; at its end the JVM writes what it has loaded. */
async function dumpClasses(version: KafkaVersion, jvm: readonly string[]): Promise<void> {
  if (version !== '4.2.0') {
    await using cluster = await startCluster({ version, jvm })
    await use(cluster)
    await cluster.broker(1).stop()
    return
  }
  const host = await startJavaHost({ jvm })
  process.env[hostVariable] = String(host.port)
  try {
    await using cluster = await startCluster()
    await use(cluster)
  } finally {
    delete process.env[hostVariable]
    await host.end()
  }
}

/** Does a little of everything. */
async function use({ bootstrap }: TestCluster): Promise<void> {
  await using java = await startJavaClient()
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
