import { parseNamePattern, TidemarkError } from '../../base/index.ts'

/**
 * `orders`, `orders-*`, `~orders\..*`, or with partitions `orders:0,2`: which partitions of which topics. Throws USAGE for a
 * list of partitions that is none.
 */
export function parsePlace(text: string): (topic: string, partition: number) => boolean {
  const [, name = text, list] = /^(.*?)(?::([^:]*))?$/s.exec(text) ?? []
  const pattern = parseNamePattern(name)
  if (list === undefined) return (topic) => pattern.matches(topic)
  if (!/^\d{1,9}(,\d{1,9})*$/.test(list)) {
    throw new TidemarkError(
      'USAGE',
      `--topic ${JSON.stringify(text)}: ${JSON.stringify(list)} is no list of partitions`,
      {
        hint: 'Write for example orders:0,1,2, or the name of the topic alone for all of them.',
      },
    )
  }
  const partitions = new Set(list.split(',').map(Number))
  return (topic, partition) => pattern.matches(topic) && partitions.has(partition)
}
