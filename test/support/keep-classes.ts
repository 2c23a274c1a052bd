import { access, rename, rm } from 'node:fs/promises'
import { startCluster } from './brokers.ts'
import { JavaAdmin } from './java-admin.ts'
import { startJavaClient } from './java-client.ts'
import { classArchive } from './java-programs.ts'

/**
 * Keeps the classes that a broker and Kafka's client load, so that later JVMs need not find, read and check them again.
 * Once for each machine and state of the sources; about half a minute.
 */
export async function keepClasses(): Promise<void> {
  const [broker, client] = await Promise.all([
    classArchive('broker', '4.2.0'),
    classArchive('client', '4.2.0'),
  ])
  if ((await exists(broker)) && (await exists(client))) return
  process.stderr.write('Preparing the Java programs of the tests (once)\n')
  const suffix = `.${process.pid}`
  {
    await using cluster = await startCluster({ jvm: dump(broker + suffix) })
    const java = await startJavaClient({ jvm: dump(client + suffix) })
    await use(java, cluster.bootstrap)
    await java.end()
    await cluster.broker(1).stop()
  }
  for (const file of [broker, client]) {
    // A JVM that cannot keep its classes is no reason not to test.
    await rename(file + suffix, file).catch(() => {})
    await rm(file + suffix, { force: true })
  }
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

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
