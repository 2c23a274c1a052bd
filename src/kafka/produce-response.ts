import { produceFlexible, produceTopicIds } from './produce-request.ts'
import { WireReader } from './wire-reader.ts'

/** Takes what the response says of one partition. `topic` is its name, or from v13 on the topic id as 32 hexadecimal digits. */
export type ProduceVisitor = (
  topic: string,
  partition: number,
  error: number,
  /** Where the batch stands in the leader's log, −1 when it was not appended there. */
  baseOffset: bigint,
  /** The broker's own words. */
  message: string | null,
) => void

/**
 * Reads a Produce response, from the correlation id on. Answers the ms that the broker asks to be left alone. Throws PROTOCOL_ERROR
 * when the bytes do not fit.
 *
 *     [topic|topic_id [partition error base_offset log_append_time [log_start: v5+] [[index message] message: v8+]]] throttle
 */
export function produceResponse(frame: Buffer, version: number, visit: ProduceVisitor): number {
  const flexible = version >= produceFlexible
  const reader = new WireReader(frame, 4)
  reader.tags(flexible)
  for (let topics = reader.count(flexible); topics > 0; topics--) {
    const topic = version >= produceTopicIds ? reader.uuid() : (reader.string(flexible) ?? '')
    for (let partitions = reader.count(flexible); partitions > 0; partitions--) {
      const partition = reader.int32()
      const error = reader.int16()
      const baseOffset = reader.int64()
      reader.skip(version >= 5 ? 16 : 8)
      const message = version >= 8 ? readMessage(reader, flexible) : null
      reader.tags(flexible)
      visit(topic, partition, error, baseOffset, message)
    }
    reader.tags(flexible)
  }
  return reader.int32()
}

/** What the broker says of the batch; the first record that it names says more than the batch as a whole. */
function readMessage(reader: WireReader, flexible: boolean): string | null {
  let first: string | null = null
  for (let errors = reader.count(flexible); errors > 0; errors--) {
    reader.skip(4)
    const message = reader.string(flexible)
    reader.tags(flexible)
    first ??= message
  }
  const whole = reader.string(flexible)
  return first ?? whole
}
