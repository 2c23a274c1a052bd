import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { kafkaJars } from '../../test/support/kafka-jars.ts'

const run = promisify(execFile)

/** Runs `Shop.java` with Kafka's own client libraries; the lines that it prints. */
export async function shop(command: 'fill' | 'next', bootstrap: string): Promise<string[]> {
  const jars = await kafkaJars('4.2.0')
  const source = new URL('./Shop.java', import.meta.url).pathname
  const jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const { stdout } = await run('java', [...jvm, '-cp', `${jars}/*`, source, command, bootstrap], {
    maxBuffer: 1 << 26,
  })
  return stdout.split('\n').filter((line) => line !== '')
}
