/** What `offset-reset execute -o json` prints, and `three-phase-restore` under `positions`, as far as tests look at it. */
export interface OutcomeJson {
  readonly snapshot_id: string | null
  readonly counts: Readonly<Record<'set' | 'deleted' | 'kept' | 'skipped' | 'failed' | 'refused', number>>
  readonly groups: readonly {
    readonly group: string
    readonly outcome: string
    readonly positions: readonly {
      readonly topic: string
      readonly partition: number
      readonly kind: string
      /** As read back. */
      readonly now: number | null
      readonly outcome: string
      readonly reason: string
      readonly error: { readonly code: string; readonly message: string } | null
    }[]
  }[]
}

/** What `offset-reset plan -o json` prints. */
export interface PlanJson {
  readonly created: string
  readonly strategy?: string
  readonly map?: string
  readonly retention_minutes?: number
  readonly expires?: string
  readonly origin: { readonly type: string; readonly backup_id: string; readonly restore_id: string | null }
  readonly notices: readonly { readonly code: string; readonly message: string }[]
  readonly entries: readonly {
    readonly group: string
    readonly topic: string
    readonly partition: number
    readonly current: { readonly offset: number; readonly metadata: string } | null
    readonly target: number | null
    readonly action: string
    readonly kind: string
    readonly reason: string
    readonly reread: number
  }[]
}

/** What `verify -o json` prints. */
export interface VerifyJson {
  readonly restore_id: string | null
  readonly verified: boolean
  readonly differences: number
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly aligned: 'map' | 'content'
    readonly expected: number
    readonly same: number
    readonly different: number
    readonly missing: number
    readonly extra: number
    readonly compacted: number
    readonly expired: number
    readonly behind: number
    readonly behind_exact: boolean
  }[]
  readonly positions: readonly {
    readonly group: string
    readonly topic: string
    readonly partition: number
    readonly source: number
    readonly target: number
    readonly committed: number | null
    readonly outcome: string
  }[]
  readonly listed: readonly {
    readonly kind: string
    readonly topic: string
    readonly partition: number
    readonly group: string | null
    readonly what: string
    readonly archive: { readonly offset: number; readonly key: string | null } | null
    readonly target: { readonly offset: number; readonly key: string | null } | null
  }[]
  readonly notices: readonly {
    readonly code: string
    readonly message: string
    readonly topic: string | null
  }[]
}
