import { type ErrorDetails, TidemarkError } from '../base/index.ts'

/**
 * The RECORD_CORRUPT error for the batch at `at`: its base offset and position go into the details, beside `place`
 * (topic, partition, object: what the caller knows).
 */
export function corrupt(
  buffer: Buffer,
  at: number,
  reason: string,
  place?: ErrorDetails,
  cause?: unknown,
): TidemarkError {
  const offset = at + 8 <= buffer.length ? buffer.readBigInt64BE(at) : undefined
  const where = place?.topic === undefined ? '' : ` of ${place.topic}-${place.partition ?? '?'}`
  return new TidemarkError(
    'RECORD_CORRUPT',
    `The record batch at offset ${offset ?? '?'}${where} is damaged: ${reason}`,
    {
      details: { ...place, ...(offset !== undefined && { offset }), position: at },
      ...(cause !== undefined && { cause }),
    },
  )
}
