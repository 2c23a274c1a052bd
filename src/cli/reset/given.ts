import type { BackupReader } from '../../archive/index.ts'
import { parseNamePattern, TidemarkError } from '../../base/index.ts'
import type { GivenPositions, MapSet, PlanOrigin } from '../../offsets/index.ts'
import { readTextFile } from '../text-file.ts'
import type { ResetContext } from './reset-context.ts'
import type { ResetOptions } from './reset-options.ts'

/** Positions, and where they were read. */
export interface Given {
  /** Undefined for a backup that captured none. */
  readonly positions: GivenPositions | undefined
  readonly origin: PlanOrigin
}

/** Reads the positions that a plan begins with. `reader` is the backup, open at the commit that was restored, where there is one. */
export async function readGiven(
  options: ResetOptions,
  reader: BackupReader | undefined,
  maps: MapSet | undefined,
  { context, backupId, cluster }: ResetContext,
): Promise<Given> {
  const { signal, clock, telemetry } = context
  const { positionsFromFiles, positionsOfCluster } = await import('../../offsets/index.ts')
  const live = { now: clock.now(), signal }
  switch (options.positionsFrom) {
    case 'backup': {
      if (reader === undefined || backupId === undefined) throw new RangeError('a backup is named')
      const positions = await reader.positions()
      const restoreId = maps?.restoreId
      return {
        positions,
        origin: { type: 'backup', backupId, restoreId, captured: positions?.taken ?? 0 },
      }
    }
    case 'target': {
      const positions = await positionsOfCluster(cluster, options.groups, live)
      return { positions, origin: { type: 'target', captured: positions.taken } }
    }
    case 'source': {
      if (options.source === undefined) throw new RangeError('a source is named')
      const { connectCluster } = await import('../../kafka/index.ts')
      await using source = await connectCluster(options.source, { signal, telemetry })
      checkSourceId(maps, source.clusterId)
      const positions = await positionsOfCluster(source, options.groups, live)
      return { positions, origin: { type: 'source', clusterId: source.clusterId, captured: positions.taken } }
    }
    case 'file': {
      const [first = '', ...rest] = options.positionsFiles
      const read = async (name: string) => ({ name, text: await readTextFile(name) })
      const texts = [await read(first), ...(await Promise.all(rest.map(read)))] as const
      const positions = positionsFromFiles(texts, { now: clock.now(), onlyGroup: onlyGroup(options) })
      const file = options.positionsFiles.join(', ')
      return { positions, origin: { type: 'file', file, captured: positions.taken } }
    }
  }
}

/** The one group that is named exactly, if that is all. */
function onlyGroup({ groups }: ResetOptions): string | undefined {
  const [name, ...more] = groups.type === 'named' ? groups.names : []
  return name !== undefined && more.length === 0 && parseNamePattern(name).literal ? name : undefined
}

function checkSourceId(maps: MapSet | undefined, clusterId: string): void {
  if (maps?.sourceClusterId === undefined || maps.sourceClusterId === clusterId) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The offset map is of the source cluster ${maps.sourceClusterId}, and the source named here is ${clusterId}`,
    { hint: 'Check --source-bootstrap-servers.' },
  )
}
