import { kafkaTool } from './kafka-tools.ts'

/** Settings of a topic, inherited ones too, as Kafka's own tool tells them. */
export async function topicSettings(bootstrap: string, topic: string): Promise<Map<string, string>> {
  const text = await kafkaTool('configs', [
    ...['--bootstrap-server', bootstrap, '--describe', '--all'],
    ...['--entity-type', 'topics', '--entity-name', topic],
  ])
  return new Map([...text.matchAll(/^\s+([\w.]+)=(\S*)/gm)].map(([, name = '', value = '']) => [name, value]))
}
