import { bytesText, countText, plural, timeText } from '../render/quantities.ts'
import type { ClusterReport, ReportedGroup, ReportedTopic } from './cluster-report.ts'
import { pageScript, pageStyle } from './html-parts.ts'

/** The report as one page that needs nothing else: no fonts, scripts or pictures from elsewhere. Every name in it is escaped. */
export function htmlReport(report: ClusterReport): string {
  const title = `Kafka cluster ${report.clusterId}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>Kafka cluster <code>${escaped(report.clusterId)}</code></h1>
<p>${escaped(report.addresses.join(', '))} · ${timeText(report.taken)}</p>
</header>
<main>
${cards(report)}
${warnings(report)}
${brokersTable(report)}
${groupsTable(report)}
${topicsTable(report)}
</main>
<script>${pageScript}</script>
</body>
</html>
`
}

function cards(report: ClusterReport): string {
  const { topics, groups, brokers } = report
  const sum = (of: (topic: ReportedTopic) => number) => topics.reduce((total, topic) => total + of(topic), 0)
  const under = sum((topic) => topic.underReplicated)
  const offline = sum((topic) => topic.offline)
  const lag = groups.reduce((total, group) => total + (lagOf(group) ?? 0n), 0n)
  const records = topics.reduce((total, { messages }) => total + messages, 0n)
  const items: readonly (readonly [label: string, value: number | bigint, kind?: string])[] = [
    ['Brokers', brokers.length],
    ['Topics', topics.length],
    ['Partitions', sum(({ partitions }) => partitions)],
    ['Records', records],
    ['Groups', groups.length],
    ['Records behind', lag],
    ['Under-replicated', under, under > 0 ? 'bad' : 'good'],
    ...(offline > 0 ? [['Without leader', offline, 'bad'] as const] : []),
  ]
  const shown = items.map(
    ([label, value, kind = '']) =>
      `<div class="card ${kind}" title="${countText(value)}"><b>${short(value)}</b><span>${label}</span></div>`,
  )
  return `<section class="cards">${shown.join('')}</section>`
}

/** `340.7M` where a number is too long for a card. */
function short(value: number | bigint): string {
  if (value < 10_000_000) return countText(value)
  return value.toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 1 })
}

function warnings(report: ClusterReport): string {
  const { topics, brokers } = report
  const silent = brokers.filter(({ version }) => version === '')
  // The worst first: of many only some are shown.
  const sentences = [
    ...silent.map(({ id, address }) => `Broker ${id} (${escaped(address)}) did not answer`),
    ...topics
      .filter(({ offline }) => offline > 0)
      .map(({ name, offline }) => `${code(name)}: ${plural(offline, 'partition')} without a leader`),
    ...topics
      .filter(({ underReplicated }) => underReplicated > 0)
      .map(
        ({ name, underReplicated }) =>
          `${code(name)}: ${plural(underReplicated, 'partition')} under-replicated`,
      ),
    ...topics
      .filter(({ replicationFactor, internal }) => replicationFactor === 1 && brokers.length > 1 && !internal)
      .map(({ name }) => `${code(name)}: one replica only, lost with its broker`),
  ]
  if (sentences.length === 0) return ''
  const shown = sentences.slice(0, 20).map((sentence) => `<li>${sentence}</li>`)
  if (sentences.length > 20) shown.push(`<li>and ${countText(sentences.length - 20)} more</li>`)
  return `<section class="warnings"><h2>Worth a look</h2><ul>${shown.join('')}</ul></section>`
}

function brokersTable({ brokers }: ClusterReport): string {
  const racks = brokers.some(({ rack }) => rack !== undefined)
  const rows = brokers.map((broker) => [
    number(broker.id),
    text(broker.address),
    ...(racks ? [text(broker.rack ?? '')] : []),
    broker.version === '' ? badge('no answer', 'bad') : text(broker.version),
    number(broker.partitions),
    number(broker.leaders),
    broker.underReplicated > 0
      ? badge(String(broker.underReplicated), 'bad', broker.underReplicated)
      : number(0),
  ])
  const columns = [
    '#Id',
    'Address',
    ...(racks ? ['Rack'] : []),
    'Kafka',
    '#Replicas',
    '#Leaders',
    '#Under-replicated',
  ]
  return table('brokers', 'Brokers', columns, rows)
}

function groupsTable({ groups }: ClusterReport): string {
  const rows = groups.map((group) => [
    text(group.name),
    text(group.type),
    badge(group.state, /^stable$/i.test(group.state) ? 'good' : /^dead$/i.test(group.state) ? 'bad' : 'fair'),
    number(group.members),
    readingCell(group),
    number(lagOf(group)),
  ])
  return table('groups', 'Consumer groups', ['Group', 'Type', 'State', '#Members', 'Reads', '#Lag'], rows)
}

function readingCell({ reading }: ReportedGroup): string {
  if (reading.length === 0) return '<td class="none">no positions</td>'
  const items = reading.map(
    ({ topic, partitions, lag }) =>
      `<li>${code(topic)} <small>${plural(partitions, 'partition')}${behind(lag)}</small></li>`,
  )
  const list = `<ul>${items.join('')}</ul>`
  if (reading.length <= 3) return `<td>${list}</td>`
  return `<td><details><summary>${plural(reading.length, 'topic')}</summary>${list}</details></td>`
}

function topicsTable({ topics }: ClusterReport): string {
  const rows = topics.map((topic) => [
    `<td>${code(topic.name)}${topic.internal ? ' <small>internal</small>' : ''}</td>`,
    number(topic.partitions),
    number(topic.replicationFactor),
    number(topic.messages),
    topic.underReplicated > 0
      ? badge(String(topic.underReplicated), 'bad', topic.underReplicated)
      : number(0),
    configsCell(topic),
  ])
  const columns = ['Topic', '#Partitions', '#Replicas', '#Records', '#Under-replicated', 'Own settings']
  return table('topics', 'Topics', columns, rows)
}

function configsCell({ configs }: ReportedTopic): string {
  const items = Object.entries(configs).map(
    ([name, value]) => `<li><code>${escaped(name)}=${escaped(value)}</code>${readable(name, value)}</li>`,
  )
  return items.length === 0 ? '<td class="none">defaults</td>' : `<td><ul>${items.join('')}</ul></td>`
}

/** Large numbers of bytes and milliseconds again, as people say them. */
function readable(name: string, value: string): string {
  const size = Number(value)
  if (!Number.isSafeInteger(size) || size < 1024) return ''
  if (name.endsWith('.bytes')) return ` <small>${bytesText(size)}</small>`
  if (!name.endsWith('.ms')) return ''
  const days = size / 86_400_000
  return ` <small>${days >= 1 ? `${Number(days.toFixed(1))} d` : `${Number((size / 60_000).toFixed(1))} min`}</small>`
}

/** A column that begins with # holds numbers. */
function table(
  id: string,
  title: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const heads = columns.map((column) => {
    const numeric = column.startsWith('#')
    return `<th scope="col"${numeric ? ' class="number"' : ''}><button type="button">${column.replace('#', '')}</button></th>`
  })
  const filter =
    rows.length > 8
      ? `<input type="search" placeholder="Filter ${title.toLowerCase()}" aria-label="Filter ${title.toLowerCase()}">`
      : ''
  const body = rows.map((cells) => `<tr>${cells.join('')}</tr>`)
  const empty = rows.length === 0 ? `<p class="none">None.</p>` : ''
  return `<section id="${id}">
<div class="head"><h2>${title} <span class="count">${countText(rows.length)}</span></h2>${filter}</div>
${empty}<div class="scroll"${rows.length === 0 ? ' hidden' : ''}><table><thead><tr>${heads.join('')}</tr></thead>
<tbody>
${body.join('\n')}
</tbody></table></div>
</section>`
}

function behind(lag: bigint | undefined): string {
  if (lag === undefined) return ', lag not known'
  return lag > 0n ? `, ${countText(lag)} behind` : ''
}

/** Undefined where it is not known of a topic. */
function lagOf({ reading }: ReportedGroup): bigint | undefined {
  return reading.reduce<bigint | undefined>(
    (sum, { lag }) => (sum === undefined || lag === undefined ? undefined : sum + lag),
    0n,
  )
}

function number(value: number | bigint | undefined): string {
  if (value === undefined) return '<td class="number none" data-sort="-1" title="not known">–</td>'
  return `<td class="number" data-sort="${value}">${countText(value)}</td>`
}

function text(value: string): string {
  return `<td>${escaped(value)}</td>`
}

function badge(value: string, kind: 'good' | 'fair' | 'bad', sort?: number): string {
  const numeric = sort === undefined ? '' : ` class="number" data-sort="${sort}"`
  return `<td${numeric}><span class="badge ${kind}">${escaped(value)}</span></td>`
}

function code(name: string): string {
  return `<code>${escaped(name)}</code>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(value: string): string {
  return value
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
    .replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
