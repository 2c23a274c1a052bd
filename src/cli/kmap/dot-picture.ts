import { countText, plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { ClusterReport } from './cluster-report.ts'

/** Topics and the groups that read them, for Graphviz: a box for each topic, an ellipse for each group, the lag on the edge. */
export function dotPicture(report: ClusterReport): string {
  const topics = new Map(
    report.topics.filter(({ internal }) => !internal).map((topic) => [topic.name, topic]),
  )
  // Also topics that are gone, and internal ones that somebody reads.
  const read = new Set(report.groups.flatMap(({ reading }) => reading.map(({ topic }) => topic)))
  const names = [...new Set([...topics.keys(), ...read])].sort()
  const lines = [
    `digraph ${quote(`Kafka cluster ${report.clusterId}`)} {`,
    '  graph [rankdir=LR, fontname="Helvetica", ranksep=1.2, nodesep=0.25]',
    '  node [fontname="Helvetica", fontsize=11]',
    '  edge [fontname="Helvetica", fontsize=9, color="#7a869a"]',
    '',
    ...names.map((name) => {
      const topic = report.topics.find((one) => one.name === name)
      const about = topic
        ? `${plural(topic.partitions, 'partition')}, ${countText(topic.messages)} records`
        : 'does not exist any more'
      const fill = topic === undefined ? '#eceff3' : topic.underReplicated > 0 ? '#fde2d9' : '#e3edfb'
      return `  ${quote(`topic ${name}`)} [shape=box, style="filled,rounded", fillcolor="${fill}", label=${label(name, about)}]`
    }),
    '',
    ...report.groups.map(({ name, state, members }) => {
      const fill = /^stable$/i.test(state) ? '#ddf3e4' : '#fbf3d5'
      return `  ${quote(`group ${name}`)} [shape=ellipse, style=filled, fillcolor="${fill}", label=${label(name, `${state}, ${plural(members, 'member')}`)}]`
    }),
    '',
    ...report.groups.flatMap(({ name, reading }) =>
      reading.map(
        ({ topic, lag }) =>
          `  ${quote(`topic ${topic}`)} -> ${quote(`group ${name}`)} [label=${quote(lagLabel(lag))}]`,
      ),
    ),
    '}',
  ]
  return `${lines.join('\n')}\n`
}

function lagLabel(lag: bigint | undefined): string {
  if (lag === undefined) return 'lag not known'
  return lag === 0n ? '' : `lag ${countText(lag)}`
}

/** Two lines; a name's own backslashes must not become escapes. */
function label(name: string, about: string): string {
  return `"${escaped(name)}\\n${escaped(about)}"`
}

function quote(text: string): string {
  return `"${escaped(text)}"`
}

function escaped(text: string): string {
  return printable(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')
}
