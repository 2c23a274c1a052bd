import { readClientProperties } from './client-properties.ts'
import type { ConfigNote } from './ignored-keys.ts'
import type { Override } from './overrides.ts'

/** Stands in an override's path for "what this client.properties says", behind the section. */
export const clientPropertiesKey = 'client_properties'

/**
 * Puts the values of a `client.properties` in the place of an override that names the file. Overrides behind it go over them.
 * Throws what {@link readClientProperties} throws.
 */
export function expandClientProperties(overrides: readonly Override[]): {
  readonly overrides: readonly Override[]
  readonly notes: readonly ConfigNote[]
} {
  const notes: ConfigNote[] = []
  const expanded = overrides.flatMap((override): readonly Override[] => {
    const [section, key] = override.path
    if (key !== clientPropertiesKey || (section !== 'source' && section !== 'target')) return [override]
    const properties = readClientProperties(String(override.value), section)
    notes.push(...properties.notes)
    return properties.overrides
  })
  return { overrides: expanded, notes }
}
