import type { SourcePosition } from './plan.ts'

const PREFIX = 'tidemark/1 '

/**
 * Commit metadata that says that a position was translated, from where. Written only where the application
 * keeps nothing there itself. Names the source position when there is just one.
 */
export function translationMark(
  clusterId: string,
  restoreId: string | undefined,
  from: readonly SourcePosition[],
): string {
  const [only] = from
  const source = from.length === 1 && only ? ` from=${only.topic}/${only.partition}@${only.offset}` : ''
  return `${PREFIX}cluster=${clusterId}${restoreId === undefined ? '' : ` restore=${restoreId}`}${source}`
}

/** Whether commit metadata is such a mark: the position is one of the target already, not of the source. */
export function isTranslationMark(metadata: string | null): boolean {
  return metadata?.startsWith(PREFIX) ?? false
}
