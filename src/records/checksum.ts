import { crc32c } from '@node-rs/crc32'
import type { ErrorDetails } from '../base/index.ts'
import { CRC_START, crc, magic, size } from './batch-header.ts'
import { corrupt } from './corrupt.ts'
import { batches } from './walk.ts'

/** The CRC-32C that the v2 batch at `at` should carry: over everything from its attributes on. */
export function computeCrc(buffer: Buffer, at: number): number {
  return crc32c(buffer.subarray(at + CRC_START, at + size(buffer, at)))
}

/** Whether the v2 batch at `at` is what was written. The bytes before the attributes are not covered. */
export function crcMatches(buffer: Buffer, at: number): boolean {
  return computeCrc(buffer, at) === crc(buffer, at)
}

/**
 * Checks the CRC of every v2 batch in [`start`, `end`), which must hold whole batches. Throws RECORD_CORRUPT for the
 * first that does not match. Messages of formats 0 and 1 are passed: their conversion checks them.
 */
export function checkCrcs(buffer: Buffer, start: number, end: number, place?: ErrorDetails): void {
  for (const at of batches(buffer, start, end, { complete: true, ...(place && { place }) })) {
    if (magic(buffer, at) === 2 && !crcMatches(buffer, at)) {
      throw corrupt(buffer, at, 'its CRC-32C does not match', place)
    }
  }
}
