import { TidemarkError } from '../../base/index.ts'
import type { ReplicateJob } from '../job.ts'

const legalName = /^[a-zA-Z0-9._-]{1,249}$/

/** Name on the target of a source topic. Throws CONFIG_INVALID when a broker would not take it. */
export function targetNameOf(
  { rename, name, sourceName }: Pick<ReplicateJob, 'rename' | 'name' | 'sourceName'>,
  topic: string,
  sourceClusterId: string,
): string {
  const target = renamed(rename, topic, { pipeline: name, cluster: sourceName ?? sourceClusterId })
  if (legalName.test(target) && target !== '.' && target !== '..') return target
  throw new TidemarkError(
    'CONFIG_INVALID',
    `The topic ${JSON.stringify(topic)} would become ${JSON.stringify(target)}, which no topic can be called`,
    { details: { topic }, hint: 'A name has up to 249 letters, digits, dots, dashes and underscores.' },
  )
}

function renamed(
  rename: ReplicateJob['rename'],
  topic: string,
  names: { readonly pipeline: string; readonly cluster: string },
): string {
  switch (rename.type) {
    case 'same':
      return topic
    case 'affix':
      return `${rename.prefix}${topic}${rename.suffix}`
    case 'template':
      return rename.template.replaceAll(/\$\{(topic|pipeline|cluster)\}/g, (_, word: string) =>
        word === 'topic' ? topic : word === 'pipeline' ? names.pipeline : names.cluster,
      )
  }
}
