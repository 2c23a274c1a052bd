import { readFileSync } from 'node:fs'
import { isTidemarkError, nearest } from '../base/index.ts'
import type { ClusterOptions } from '../kafka/index.ts'
import { clientProperties } from './client-properties.ts'
import { clusterOptions } from './cluster-options.ts'
import { clusterSchema } from './cluster-schema.ts'
import type { ExpandSources } from './expand.ts'
import type { ConfigNote } from './ignored-keys.ts'
import { javaClientKeys, javaKeyReasons } from './java-client-keys.ts'
import { applyOverrides, type Override } from './overrides.ts'
import { keyText, Problems } from './problems.ts'

type Value = string | number | boolean

/** The sections of properties of one cluster, the general one first; undefined where the file has none. */
export type JavaSections = readonly (readonly [
  section: string,
  values: Readonly<Record<string, Value>> | undefined,
])[]

export interface JavaContext {
  readonly problems: Problems
  readonly notes: ConfigNote[]
  readonly sources: ExpandSources
}

/** What properties of one cluster mean here. */
export interface JavaMeaning {
  readonly options: ClusterOptions
  /** The value of a property that is no matter of connections: marked as heeded. */
  readonly take: (key: string) => TakenProperty | undefined
  /** To be called when everything was taken: names the properties that have no effect. */
  readonly noteRest: () => void
}

export interface TakenProperty {
  readonly text: string
  readonly path: readonly string[]
}

/** What differs between the sections of one cluster is an error here: one connection serves them all. */
const shared = /^(bootstrap\.servers|security\.protocol|sasl\.|ssl\.)/

/**
 * Reads the Java client properties of one side. Unknown names are problems with the nearest known one; what has no meaning is
 * named in notes.
 */
export function javaProperties(
  side: 'source' | 'target',
  sections: JavaSections,
  context: JavaContext,
): JavaMeaning {
  const { problems, notes, sources } = context
  const placed = new Map<string, TakenProperty>()
  for (const [section, values] of sections) {
    for (const [key, value] of Object.entries(values ?? {})) {
      const path = [side, 'kafka', section, key]
      if (javaClientKeys.has(key)) place(placed, key, { text: String(value), path }, problems)
      else reportUnknown(path, key, problems)
    }
  }
  const taken = new Set<string>()
  const read = clientPropertiesOf(side, placed, problems)
  const unused = new Set((read?.notes ?? []).map(({ key }) => key))
  for (const key of placed.keys()) if (!unused.has(key)) taken.add(key)
  return {
    options: read ? optionsOf(side, read.overrides, placed, { problems, notes, sources }) : { bootstrap: [] },
    take: (key) => {
      taken.add(key)
      return placed.get(key)
    },
    noteRest: () => {
      for (const [key, { path }] of placed) {
        if (taken.has(key)) continue
        const given = read?.notes.find((note) => note.key === key)?.message
        const reason =
          javaKeyReasons[key] ?? given?.split('has no effect: ')[1] ?? 'there is nothing like it here'
        notes.push({ key: keyText(path), message: `has no effect: ${reason}` })
      }
    },
  }
}

function place(
  placed: Map<string, TakenProperty>,
  key: string,
  given: TakenProperty,
  problems: Problems,
): void {
  const before = placed.get(key)
  const special = before !== undefined && before.path[2] !== 'common'
  if (special && before.text !== given.text && shared.test(key)) {
    problems.add(given.path, `differs from ${keyText(before.path)}: one connection serves both`, {
      hint: 'put it into common',
    })
  }
  // The first of the special sections wins: it is the one that moves the records.
  if (!special) placed.set(key, given)
}

function reportUnknown(path: readonly string[], key: string, problems: Problems): void {
  const near = nearest(key, javaClientKeys)
  problems.add(path, 'is not a known key', {
    code: 'CONFIG_UNKNOWN_KEY',
    hint:
      near === undefined ? 'it is not a property of Kafka clients' : `did you mean ${JSON.stringify(near)}?`,
  })
}

function clientPropertiesOf(
  side: 'source' | 'target',
  placed: ReadonlyMap<string, TakenProperty>,
  problems: Problems,
): { readonly overrides: readonly Override[]; readonly notes: readonly ConfigNote[] } | undefined {
  const values = new Map([...placed].map(([key, { text }]) => [key, text]))
  try {
    return clientProperties(side, values, side, (path) => readFileSync(path))
  } catch (error) {
    if (!isTidemarkError(error)) throw error
    const named = [...placed].find(([key]) => error.message.includes(key))?.[1].path
    problems.addError(named ?? [side, 'kafka'], error)
    return undefined
  }
}

/** Keys of a cluster section as the properties that they came from, for messages. */
const javaNames: Readonly<Record<string, string>> = {
  bootstrap_servers: 'bootstrap.servers',
  security_protocol: 'security.protocol',
  sasl_mechanism: 'sasl.mechanism',
  sasl_username: 'sasl.jaas.config',
  sasl_password: 'sasl.jaas.config',
  sasl_oauth_token: 'sasl.oauthbearer.token.endpoint.url',
  ssl_ca_location: 'ssl.truststore.location',
  ssl_certificate_location: 'ssl.keystore.location',
  ssl_key_location: 'ssl.keystore.location',
  delivery_timeout: 'default.api.timeout.ms',
}

function optionsOf(
  side: 'source' | 'target',
  overrides: readonly Override[],
  placed: ReadonlyMap<string, TakenProperty>,
  { problems, notes, sources }: JavaContext,
): ClusterOptions {
  const pathOf = (ours: string): readonly string[] => {
    const java = javaNames[ours] ?? ours
    return placed.get(java)?.path ?? [side, 'kafka', 'common', java]
  }
  const document = applyOverrides({ [side]: {} }, overrides) as Record<string, unknown>
  const checked = clusterSchema.safeParse(document[side])
  if (!checked.success) {
    for (const { path, message } of checked.error.issues) {
      problems.add(pathOf(String(path.at(-1) ?? 'bootstrap_servers')), message)
    }
    return { bootstrap: [] }
  }
  // Variables of the environment name one cluster, and here are two: everything comes from the file.
  const inner = new Problems()
  const options = clusterOptions(checked.data, {
    problems: inner,
    notes,
    sources: { ...sources, env: {} },
    path: [side],
  })
  for (const { key, message, hint, code } of inner.list) {
    const ours = /[a-z_]+(?=$|\[)/.exec(key.split('.').at(-1) ?? '')?.[0] ?? key
    const useful = hint?.startsWith('or set KAFKA_') ? undefined : hint
    problems.add(pathOf(ours), message, { code, ...(useful !== undefined && { hint: useful }) })
  }
  return options
}
