/**
 * base: what every other room may use. Errors with stable codes, time, retries, budgets, name patterns, telemetry.
 *
 * Nothing here does I/O or knows Kafka. There is one retry loop (`retry`), one counted resource (`Budget`: bytes of
 * memory or places for concurrent work) and one error class (`TidemarkError`) in the whole program.
 */
export { Budget } from './budget.ts'
export { type Clock, systemClock } from './clock.ts'
export { type ErrorCode, errorCodes } from './error-codes.ts'
export { type ErrorDetails, invariant, isTidemarkError, TidemarkError } from './errors.ts'
export { fileReason, systemReason } from './file-reason.ts'
export { firstFew } from './first-few.ts'
export { freeBehind, freeWhole } from './free-memory.ts'
export { Lease } from './lease.ts'
export { type NamePattern, nameFilter, parseNamePattern } from './name-pattern.ts'
export { editDistance, nearest } from './nearest.ts'
export { packageVersion } from './package-version.ts'
export { noProgress, type Progress, type ProgressTotals } from './progress.ts'
export { RateLimit } from './rate-limit.ts'
export { type RetryContext, type RetryPolicy, retry } from './retry.ts'
export { noTelemetry, type Telemetry } from './telemetry.ts'
