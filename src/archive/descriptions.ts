import { decodeTopic, encodeTopic } from './commit-json.ts'
import type { DescribedTopic } from './contract.ts'
import { damaged } from './damaged.ts'
import { Fields } from './fields.ts'

/** Descriptions as the uncompressed bytes of a block. */
export function encodeDescriptions(described: readonly DescribedTopic[]): Buffer {
  const rows = described.map(({ commit, written, description }) => ({
    commit,
    written,
    description: encodeTopic(description),
  }))
  return Buffer.from(JSON.stringify(rows))
}

/** The reverse of {@link encodeDescriptions}. Throws ARCHIVE_DAMAGED. */
export function decodeDescriptions(bytes: Buffer, object: string): readonly DescribedTopic[] {
  let rows: unknown
  try {
    rows = JSON.parse(bytes.toString())
  } catch (cause) {
    throw damaged(object, 'has a block of descriptions that is not JSON', {}, cause)
  }
  if (!Array.isArray(rows)) throw damaged(object, 'has a block of descriptions that is no list')
  return rows.map((row: unknown) => {
    const fields = new Fields(row, object)
    return {
      commit: fields.count('commit'),
      written: fields.count('written'),
      description: decodeTopic(fields.fields('description')),
    }
  })
}
