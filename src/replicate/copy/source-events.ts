import { TidemarkError } from '../../base/index.ts'
import type { FetchEvent } from '../../kafka/index.ts'
import type { MapEvent } from '../map-topic/map-event.ts'
import type { Line } from './line.ts'
import type { ShardContext } from './shard-context.ts'

/** What the shard has to do about a line after an event. */
export type Consequence =
  /** Nothing: copying goes on. */
  | { readonly type: 'none' }
  /** Nothing more is fetched of it. */
  | { readonly type: 'close' }
  /** Its topic was made anew: fetched from the book's position on, under the line's topic id. */
  | { readonly type: 'reopen' }
  /** Fetching failed, and may go well later. */
  | { readonly type: 'later'; readonly error: Error }
  /** The transaction is finished, and the run ends. */
  | { readonly type: 'stop'; readonly error: TidemarkError }

const none: Consequence = Object.freeze({ type: 'none' })
type Change = 'gap' | 'truncated' | 'recreated' | 'lost'

/** Takes an event of the fetcher into the line's book, as the job wants it. Events come in order with the batches. */
export async function takeEvent(context: ShardContext, line: Line, event: FetchEvent): Promise<Consequence> {
  const now = context.clock.now()
  const { book } = line
  switch (event.type) {
    case 'gap':
      return change(context, line, 'gap', event.from, event.to, () => {
        book.gap(event.from, event.to, now)
        return none
      })
    case 'truncated':
      return change(context, line, 'truncated', event.divergence, event.seenTo, () => {
        book.truncated(event.divergence, event.seenTo, now)
        return none
      })
    case 'recreated':
      return recreated(context, line, event.topicId)
    case 'lost':
      return event.error instanceof TidemarkError && event.error.code === 'TOPIC_NOT_FOUND'
        ? lost(context, line)
        : { type: 'later', error: event.error }
    case 'compacted':
      book.advance(event.to, -1)
      return none
    case 'done':
    case 'held':
      return none
  }
}

/** The source topic has another id than what was copied. */
export async function recreated(
  context: ShardContext,
  line: Line,
  topicId: string | undefined,
): Promise<Consequence> {
  const { partition, topic } = line.route
  const [first] = await context.source.listOffsets([{ topic: topic.source.name, partition, at: 'earliest' }])
  const start = first?.offset ?? 0n
  return change(context, line, 'recreated', start, line.book.to, () => {
    line.book.recreated(topicId, start, context.clock.now())
    line.topicId = topicId
    return { type: 'reopen' }
  })
}

/** The source partition is gone. Noted once: the position remembers it. */
export function lost(context: ShardContext, line: Line): Consequence {
  const { book } = line
  if (book.held === 'lost') return { type: 'close' }
  line.state = 'lost'
  line.retryAt = context.clock.monotonic()
  line.reason = 'the source partition does not exist any more'
  tell(context, line, 'lost', book.to, book.to)
  book.note('lost', book.to, book.to, context.clock.now())
  book.hold('lost')
  return context.job.onChange.lost === 'stop'
    ? { type: 'stop', error: stopped(line, 'lost') }
    : { type: 'close' }
}

function change(
  context: ShardContext,
  line: Line,
  type: Exclude<Change, 'lost'>,
  from: bigint,
  to: bigint,
  goOn: () => Consequence,
): Consequence {
  const action = context.job.onChange[type]
  tell(context, line, type, from, to)
  if (action === 'continue') {
    line.book.hold(undefined)
    return goOn()
  }
  line.book.note(type, from, to, context.clock.now())
  if (action === 'stop') return { type: 'stop', error: stopped(line, type) }
  line.book.hold(type)
  line.state = 'held'
  line.reason = said[type]
  return { type: 'close' }
}

const said = {
  gap: 'records were deleted before they were copied',
  truncated: 'the source lost records that had been copied',
  recreated: 'the source topic was deleted and created again',
  lost: 'the source partition does not exist any more',
} as const satisfies Record<Change, string>

/** Why a line is held, in words. */
export function heldReason(type: Change): string {
  return said[type]
}

function tell(
  context: ShardContext,
  line: Line,
  type: MapEvent['type'] & Change,
  from: bigint,
  to: bigint,
): void {
  const { topic, partition } = line.route
  const event = { type, topic: topic.source.name, partition, from, to, time: context.clock.now() }
  context.happened(event)
  context.telemetry.log('warn', said[type], {
    topic: event.topic,
    partition,
    from,
    to,
    action: context.job.onChange[type],
  })
  context.telemetry.count('replicate_source_changes', 1, { topic: event.topic, type })
}

function stopped(line: Line, type: Change): TidemarkError {
  const { topic, partition } = line.route
  return sourceChanged(topic.source.name, partition, line.book.to, type)
}

/** What ends a run that is to stop at a change. */
export function sourceChanged(topic: string, partition: number, offset: bigint, type: Change): TidemarkError {
  return new TidemarkError(
    'SOURCE_CHANGED',
    `Partition ${partition} of topic ${JSON.stringify(topic)}: ${said[type]}`,
    {
      details: { topic, partition, offset },
      hint: 'Look at the source; then let the pipeline go on, or leave the topic out.',
    },
  )
}
