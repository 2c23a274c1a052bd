import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { mavenJars } from './kafka-jars.ts'

const run = promisify(execFile)
const dependency = `<dependency><groupId>org.apache.kafka</groupId><artifactId>connect-mirror-client</artifactId><version>4.2.0</version></dependency>`

/** Where MirrorMaker 2's `RemoteClusterUtils.translateOffsets` says a group stands, as `topic/partition@offset metadata`, sorted. */
export async function mirrorOffsets(bootstrap: string, alias: string, group: string): Promise<string[]> {
  const jars = await mavenJars('connect-mirror-client-4.2.0', dependency)
  const source = new URL('./MirrorOffsets.java', import.meta.url).pathname
  const { stdout } = await run('java', ['-Xmx256m', '-cp', `${jars}/*`, source, bootstrap, alias, group])
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [topic, partition, offset, metadata] = line.split('\t')
      return `${topic}/${partition}@${offset} ${metadata}`
    })
    .sort()
}
