/**
 * `archive-open.ts open|list|plan FOLDER`: opens the backup in a folder; lists its topics; or goes through all chunks of
 * its first topic, as the planning of a restore does. Prints what it saw.
 */
import { listBackups, openBackup } from '../../src/archive/index.ts'
import { FilesystemStore } from '../../src/storage/filesystem.ts'

const [action, folder = ''] = process.argv.slice(2)
await using store = new FilesystemStore(folder)
await using reader = await openBackup(store, 'million')
let seen = `commit ${reader.commit}`
if (action === 'list') {
  const backups = await listBackups(store)
  const { topics } = await reader.summary()
  const chunks = topics.reduce((sum, topic) => sum + topic.chunks, 0)
  seen = `${backups.length} backups, ${topics.length} topics, ${chunks} chunks`
} else if (action === 'plan') {
  let chunks = 0
  let bytes = 0
  for (const { chunks: list } of (await reader.topic('topic-0')).partitions.values()) {
    for (const { chunk } of list) {
      chunks++
      bytes += chunk.rawLength
    }
  }
  seen = `${chunks} chunks, ${bytes} bytes`
}
process.stdout.write(`${seen}\n`)
