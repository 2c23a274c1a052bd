import type { Cluster } from '../kafka/index.ts'
import { type ClusterFlags, clusterOverrides } from './flags/cluster-flags.ts'
import { required } from './flags/required.ts'
import type { Session } from './session.ts'

/** Connects to the target that flags, file and environment name, for commands that need nothing else of the file. */
export async function connectTarget(
  flags: ClusterFlags & { readonly config?: string },
  { signal, telemetry }: Session,
): Promise<Cluster> {
  const { loadConfig } = await import('../config/index.ts')
  const { connectCluster } = await import('../kafka/index.ts')
  const config = loadConfig({ file: flags.config, needs: ['target'], overrides: clusterOverrides(flags) })
  return await connectCluster(required(config.target, '--bootstrap-servers'), { signal, telemetry })
}
