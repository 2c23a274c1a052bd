import assert from 'node:assert/strict'
import { openBackup, validateBackup } from '../../src/archive/index.ts'
import { batches, decodeBatch, header } from '../../src/records/index.ts'
import { openStore, type StoreSpec } from '../../src/storage/index.ts'
import type { SeenRecord } from './java-client.ts'

/** A record as some reader saw it. */
export type AnyRecord = Omit<SeenRecord, 'timestampType'>

/** The data records that an archive holds of a partition, read batch by batch. */
export async function archivedRecords(
  path: string | StoreSpec,
  backupId: string,
  topic: string,
  partition: number,
  topicId?: string,
): Promise<AnyRecord[]> {
  await using store = await openStore(path, {})
  await using backup = await openBackup(store, backupId)
  const held = (await backup.topic(topic, topicId)).partitions.get(partition)
  assert.ok(held, `the backup ${backupId} has no ${topic}/${partition}`)
  const found: AnyRecord[] = []
  for (const { chunk, from, to } of held.chunks) {
    const bytes = await backup.read(chunk)
    for (const at of batches(bytes, 0, bytes.length, { complete: true })) {
      if (header.isControl(bytes, at)) continue
      for (const { offset, timestamp, key, value, headers } of decodeBatch(bytes, at)) {
        if (offset < from || offset >= to) continue
        const named = headers.map((h) => ({ key: h.key.toString(), value: h.value }))
        found.push({ offset, timestamp, key, value, headers: named })
      }
    }
  }
  return found
}

/** Fails when a deep validation finds anything wrong; a backup that does not exist yet has nothing wrong. */
export async function assertValid(path: string | StoreSpec, backupId: string): Promise<void> {
  await using store = await openStore(path, {})
  const wrong: string[] = []
  const exists = await openBackup(store, backupId).then(
    (backup) => backup[Symbol.asyncDispose]().then(() => true),
    (error: { code?: string }) => {
      if (error.code !== 'BACKUP_NOT_FOUND') throw error
      return false
    },
  )
  if (!exists) return
  await validateBackup(store, backupId, {
    deep: true,
    onFinding: (finding) => {
      if (finding.severity === 'error') wrong.push(finding.message)
    },
  })
  assert.deepEqual(wrong, [], `backup ${backupId}`)
}

/** Everything of a record but its offset, as one line of text. */
export function contentOf(record: AnyRecord): string {
  const headers = record.headers.map((header) => `${header.key}=${text(header.value)}`)
  return [record.timestamp, text(record.key), text(record.value), ...headers].join(' ')
}

/** Key as text; for failures that people can read. */
export function keyOf(record: AnyRecord | undefined): string | undefined {
  return record?.key?.toString()
}

/** The same records in the same order, whatever their offsets. */
export function assertSameRecords(
  actual: readonly AnyRecord[],
  expected: readonly AnyRecord[],
  place: string,
): void {
  for (let i = 0; i < Math.max(actual.length, expected.length); i++) {
    const [a, e] = [actual[i], expected[i]]
    if (a && e && contentOf(a) === contentOf(e)) continue
    assert.fail(
      `${place}: record ${i} of ${expected.length} should be ${describe(e)} and is ${describe(a)}; there are ${actual.length}, after ${describe(actual[i - 1])}`,
    )
  }
}

/** The same records at the same offsets. */
export function assertSameLog(
  actual: readonly AnyRecord[],
  expected: readonly AnyRecord[],
  place: string,
): void {
  assertSameRecords(actual, expected, place)
  for (const [i, record] of actual.entries()) {
    assert.equal(record.offset, expected[i]?.offset, `${place}: offset of record ${i}`)
  }
}

function describe(record: AnyRecord | undefined): string {
  if (!record) return 'nothing'
  return `${keyOf(record)}@${record.offset} time ${record.timestamp}, ${record.value?.length ?? -1} bytes, ${record.headers.length} headers`
}

function text(bytes: Buffer | null): string {
  return bytes === null ? '-' : `'${bytes.toString('base64')}'`
}
