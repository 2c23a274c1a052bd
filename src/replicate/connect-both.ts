import type { Telemetry } from '../base/index.ts'
import { type Cluster, type ClusterOptions, connectCluster } from '../kafka/index.ts'

/** Source and target, closed together. */
export interface BothClusters extends AsyncDisposable {
  readonly source: Cluster
  readonly target: Cluster
}

/**
 * Connects to source and target at the same time. The signal gives up the search; once both are found it does not reach them any more,
 * so that what is under way can be finished. Rejects as `connectCluster` does, as soon as either fails.
 */
export async function connectBoth(
  job: { readonly source: ClusterOptions; readonly target: ClusterOptions },
  { signal, telemetry }: { readonly signal: AbortSignal; readonly telemetry: Telemetry },
): Promise<BothClusters> {
  signal.throwIfAborted()
  const search = new AbortController()
  const giveUp = () => search.abort(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    const searches = [job.source, job.target].map(async (options) => {
      try {
        return await connectCluster({ ...options }, { signal: search.signal, telemetry })
      } catch (error) {
        // The other one would be found in vain.
        search.abort(error)
        throw error
      }
    })
    const [source, target] = await allOrNone(searches)
    if (!source || !target) throw new Error('two searches have two results')
    return {
      source,
      target,
      async [Symbol.asyncDispose]() {
        await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()])
      },
    }
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

async function allOrNone(searches: readonly Promise<Cluster>[]): Promise<readonly Cluster[]> {
  const results = await Promise.allSettled(searches)
  const found = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (!failed) return found
  await Promise.all(found.map((cluster) => cluster[Symbol.asyncDispose]()))
  throw failed.reason
}
