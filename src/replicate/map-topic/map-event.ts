/** Something at the source that the copy could not follow record by record. Offsets [from, to) are those of the source. */
export interface MapEvent {
  /** `start`: copying of the partition began at `from`. */
  readonly type: 'start' | 'gap' | 'truncated' | 'recreated' | 'lost'
  readonly from: bigint
  readonly to: bigint
  /** Ms since the epoch. */
  readonly time: number
}

export const mapEventTypes = ['start', 'gap', 'truncated', 'recreated', 'lost'] as const
