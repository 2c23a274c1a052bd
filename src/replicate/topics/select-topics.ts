import { isTidemarkError, nameFilter, parseNamePattern, TidemarkError } from '../../base/index.ts'
import type { TopicInfo } from '../../kafka/index.ts'
import type { ReplicateJob } from '../job.ts'
import { targetNameOf } from './rename.ts'

/** A source topic that is to be copied, and where to. */
export interface SelectedTopic {
  readonly source: TopicInfo
  readonly target: string
}

export interface Selection {
  readonly topics: readonly SelectedTopic[]
  /** Selected, but there is no good target for them. */
  readonly failed: readonly TidemarkError[]
}

export interface Clusters {
  readonly source: string
  readonly target: string
}

/** Tells by its name whether a topic is to be copied, if it is not Kafka's own. */
export function isSelected(job: ReplicateJob): (topic: string) => boolean {
  const wanted = nameFilter(job.include, job.exclude)
  const named = new Set(job.include.map(parseNamePattern).flatMap((p) => (p.literal ? [p.text] : [])))
  const own = new Set([job.controlTopic.name, job.mapTopic?.name])
  return (name) => !own.has(name) && (!name.startsWith('__') || named.has(name)) && wanted(name)
}

/**
 * Chooses among the source's topics. Never chosen: Kafka's own, the pipeline's own, and those whose names begin with two underscores
 * unless they are named exactly. Two topics must not become one, and on one cluster no topic is copied to itself, nor a copy again.
 */
export function selectTopics(job: ReplicateJob, topics: readonly TopicInfo[], clusters: Clusters): Selection {
  const wanted = isSelected(job)
  const failed: TidemarkError[] = []
  let selected: SelectedTopic[] = []
  for (const source of topics) {
    const { name, internal } = source
    if (internal || !wanted(name)) continue
    try {
      selected.push({ source, target: targetNameOf(job, name, clusters.source) })
    } catch (error) {
      if (!isTidemarkError(error)) throw error
      failed.push(error)
    }
  }
  if (clusters.source === clusters.target) {
    const targets = new Set(selected.map(({ target }) => target))
    const same = selected.filter(({ source, target }) => source.name === target)
    failed.push(...same.map(({ target }) => toItself(target)))
    selected = selected.filter(({ source, target }) => source.name !== target && !targets.has(source.name))
  }
  const byTarget = Map.groupBy(selected, ({ target }) => target)
  for (const [target, both] of byTarget) {
    if (both.length > 1) failed.push(...both.map(({ source }) => merged(source.name, target)))
  }
  return { topics: selected.filter(({ target }) => byTarget.get(target)?.length === 1), failed }
}

function toItself(topic: string): TidemarkError {
  return new TidemarkError(
    'REPLICATION_LOOP',
    `The topic ${JSON.stringify(topic)} would be copied to itself`,
    {
      details: { topic },
      hint: 'Source and target are one cluster: rename the topics with a prefix, a suffix or a template.',
    },
  )
}

function merged(topic: string, target: string): TidemarkError {
  return new TidemarkError(
    'CONFIG_INVALID',
    `The topic ${JSON.stringify(topic)} and another one would both become ${JSON.stringify(target)}`,
    { details: { topic }, hint: 'The template must hold the name of the source topic.' },
  )
}
