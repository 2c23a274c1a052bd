import { createHash } from 'node:crypto'
import { TidemarkError } from '../../base/index.ts'
import { JsonValue } from '../json-value.ts'
import { decodePartitionMap, encodePartitionMap } from './map-codec.ts'
import { MapSet } from './map-set.ts'

/*
 * A set of maps as one object: 'TMAPSET1', a JSON header (u32 length, little endian; origin, and the length
 * of each map), the maps as map-codec.ts writes them, and the SHA-256 of all before.
 */
const MAGIC = 'TMAPSET1'

/** What saving and loading need of an object store. */
export interface MapStore {
  put(
    key: string,
    bytes: readonly Uint8Array[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<boolean>
  get(key: string, options?: { readonly signal?: AbortSignal }): Promise<Buffer>
}

/** The set as bytes, in pieces to be written one after the other. */
export function encodeMapSet(set: MapSet): readonly Uint8Array[] {
  const maps = set.maps.map(encodePartitionMap)
  const header = Buffer.from(
    JSON.stringify({
      sourceCluster: set.sourceCluster,
      sourceClusterId: set.sourceClusterId,
      targetClusterId: set.targetClusterId,
      backupId: set.backupId,
      restoreId: set.restoreId,
      created: set.created,
      lengths: maps.map((map) => map.length),
    }),
  )
  const start = Buffer.alloc(MAGIC.length + 4)
  start.write(MAGIC, 'latin1')
  start.writeUInt32LE(header.length, MAGIC.length)
  const parts = [start, header, ...maps]
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return [...parts, hash.digest()]
}

/**
 * Reads what {@link encodeMapSet} wrote. Throws ARCHIVE_DAMAGED or ARCHIVE_TOO_NEW; `where` names the bytes.
 */
export function decodeMapSet(bytes: Uint8Array, where = 'set of offset maps'): MapSet {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const damaged = (what: string) =>
    new TidemarkError('ARCHIVE_DAMAGED', `The ${where} cannot be read: ${what}`)
  const magic = buffer.toString('latin1', 0, MAGIC.length)
  if (magic !== MAGIC && /^TMAPSET\d$/.test(magic)) {
    throw new TidemarkError('ARCHIVE_TOO_NEW', `The ${where} was written by a newer version of Tidemark`)
  }
  if (magic !== MAGIC || buffer.length < MAGIC.length + 36) throw damaged('it is not a set of offset maps')
  const end = buffer.length - 32
  if (!createHash('sha256').update(buffer.subarray(0, end)).digest().equals(buffer.subarray(end))) {
    throw damaged('its checksum does not match')
  }
  let at = MAGIC.length + 4 + buffer.readUInt32LE(MAGIC.length)
  if (at > end) throw damaged('its header is cut short')
  const header = JsonValue.parse(buffer.toString('utf8', MAGIC.length + 4, at), where)
  const maps = header
    .at('lengths')
    .list()
    .map((length) => {
      const from = at
      at += length.count()
      if (at > end) throw damaged('a map is cut short')
      return decodePartitionMap(buffer.subarray(from, at), where)
    })
  const created = header.at('created')
  return new MapSet(
    {
      sourceCluster: header.at('sourceCluster').text(),
      sourceClusterId: header.at('sourceClusterId').textOr(undefined),
      targetClusterId: header.at('targetClusterId').textOr(undefined),
      backupId: header.at('backupId').textOr(undefined),
      restoreId: header.at('restoreId').textOr(undefined),
      created: created.present ? created.count() : undefined,
    },
    maps,
  )
}

/** Writes the set under `key`, replacing what was there. */
export async function saveMapSet(
  store: MapStore,
  key: string,
  set: MapSet,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  await store.put(key, encodeMapSet(set), options)
}

/** Reads the set under `key`. Rejects with STORAGE_NOT_FOUND, ARCHIVE_DAMAGED or ARCHIVE_TOO_NEW. */
export async function loadMapSet(
  store: MapStore,
  key: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<MapSet> {
  return decodeMapSet(await store.get(key, options), `set of offset maps ${key}`)
}
