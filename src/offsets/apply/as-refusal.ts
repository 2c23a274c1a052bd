import { TidemarkError } from '../../base/index.ts'

/** Why a group is not touched. */
export interface Refusal {
  readonly group: string
  readonly error: TidemarkError
}

/** An error of one group as one of ours, with the group named. */
export function asTidemark(error: Error, group: string): TidemarkError {
  if (error instanceof TidemarkError) return error
  return new TidemarkError('BROKER_ERROR', `Consumer group '${group}': ${error.message}`, {
    cause: error,
    details: { group },
  })
}
