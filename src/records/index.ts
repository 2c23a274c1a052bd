/** records: see below. */
export * as header from './batch-header.ts'
export { checkCrcs, computeCrc, crcMatches } from './checksum.ts'
export { batchEnd, batches, type Survey, survey } from './walk.ts'
