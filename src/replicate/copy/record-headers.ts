import {
  type RecordCursor,
  type RecordEditor,
  type RecordHeader,
  varintSize,
  writeVarint,
} from '../../records/index.ts'
import type { ReplicateJob, TracingHeaders } from '../job.ts'

/** Cluster id of the cluster at which a record was first produced, as text. */
export const originHeader = 'x-tidemark-origin'

/** Where a record was copied from. Values are text, numbers decimal. */
export const tracingHeaderNames = Object.freeze({
  topic: 'x-tidemark-topic',
  partition: 'x-tidemark-partition',
  offset: 'x-tidemark-offset',
  pipeline: 'x-tidemark-pipeline',
})

const originKey = Buffer.from(originHeader)
const offsetKey = Buffer.from(tracingHeaderNames.offset)

/** Whether records are decoded for the sake of their headers. */
export function editsHeaders(
  job: Pick<ReplicateJob, 'replicateHeaders' | 'tracing' | 'bidirectional'>,
): boolean {
  return !job.replicateHeaders || job.bidirectional || Object.values(job.tracing).includes(true)
}

/** Whether it is usual for this job that batches are built anew. */
export function recodesAll(job: ReplicateJob): boolean {
  return editsHeaders(job) || job.partitioning === 'key'
}

export interface HeaderPlan {
  readonly replicate: boolean
  readonly tracing: TracingHeaders
  readonly pipeline: string
  readonly topic: string
  readonly partition: number
  /** Written into records that have no origin yet; undefined = origins are left as they are. */
  readonly origin: string | undefined
}

/**
 * Rewrites the headers of one source partition's records: the application's own are kept in order or left out, tracing headers of an
 * earlier copy are replaced, the origin is kept where there is one.
 */
export class ReplicaHeaders implements RecordEditor {
  bytes = Buffer.allocUnsafe(1024)
  readonly #plan: HeaderPlan
  readonly #replaced: readonly Buffer[]
  readonly #constant: readonly RecordHeader[]
  readonly #origin: RecordHeader | undefined

  constructor(plan: HeaderPlan) {
    this.#plan = plan
    const { tracing, topic, partition, pipeline, origin } = plan
    const all: readonly (readonly [wanted: boolean, name: string, value: string])[] = [
      [tracing.topic, tracingHeaderNames.topic, topic],
      [tracing.partition, tracingHeaderNames.partition, String(partition)],
      [tracing.pipeline, tracingHeaderNames.pipeline, pipeline],
    ]
    const wanted = all.filter(([included]) => included)
    this.#constant = wanted.map(([, name, value]) => ({ key: Buffer.from(name), value: Buffer.from(value) }))
    this.#replaced = [...this.#constant.map(({ key }) => key), ...(tracing.offset ? [offsetKey] : [])]
    this.#origin = origin === undefined ? undefined : { key: originKey, value: Buffer.from(origin) }
  }

  edit(cursor: RecordCursor, offset: number | bigint): number {
    const { replicate, tracing } = this.#plan
    const own = cursor.headers()
    const old = own.find(({ key }) => key.equals(originKey))
    const headers: RecordHeader[] = replicate ? own.filter(({ key }) => !this.#isReplaced(key)) : []
    headers.push(...this.#constant)
    if (tracing.offset) headers.push({ key: offsetKey, value: Buffer.from(String(offset)) })
    if (this.#origin && old === undefined) headers.push(this.#origin)
    else if (!replicate && old !== undefined) headers.push(old)
    return this.#write(headers)
  }

  #isReplaced(key: Buffer): boolean {
    return this.#replaced.some((name) => name.equals(key))
  }

  #write(headers: readonly RecordHeader[]): number {
    let size = varintSize(headers.length)
    for (const { key, value } of headers) size += key.length + (value?.length ?? 0) + 10
    if (this.bytes.length < size) this.bytes = Buffer.allocUnsafe(Math.max(size, this.bytes.length * 2))
    let to = writeVarint(this.bytes, 0, headers.length)
    for (const { key, value } of headers) {
      to = writeVarint(this.bytes, to, key.length)
      to += key.copy(this.bytes, to)
      to = writeVarint(this.bytes, to, value === null ? -1 : value.length)
      if (value !== null) to += value.copy(this.bytes, to)
    }
    return to
  }
}

/** Whether a record does not come from this cluster: where it does, copying it would bring it back. */
export function comesFromElsewhere(cluster: string): (cursor: RecordCursor) => boolean {
  const home = Buffer.from(cluster)
  return (cursor) => !cursor.headers().some(({ key, value }) => key.equals(originKey) && value?.equals(home))
}
