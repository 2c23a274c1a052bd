/**
 * `archive-writer-program.ts FOLDER END`: a run of a backup in the small, to be killed. Goes on where the backup stands and
 * copies six partitions up to the offset END, with commits and checkpoints all the time.
 */
import { openBackupWriter } from '../../src/archive/index.ts'
import { FilesystemStore } from '../../src/storage/filesystem.ts'
import { accountOf, batchBytes, chunkOf, writerContext } from './archive-data.ts'

const [folder = '', end = '0'] = process.argv.slice(2)
const store = new FilesystemStore(folder)
await using writer = await openBackupWriter(
  store,
  'killed',
  { sourceClusterId: 'c', objectBytes: 60_000, packBelow: 3000, checkpointEvery: 3 },
  writerContext(),
)
process.stdout.write('open\n')
const next = new Map(writer.states.map((state) => [state.partition, state.next]))
while ([0, 1, 2, 3, 4, 5].some((partition) => (next.get(partition) ?? 0n) < BigInt(end))) {
  const accounts = []
  for (let partition = 0; partition < 6; partition++) {
    const name = { topic: 'orders', topicId: undefined, partition }
    const from = next.get(partition) ?? 0n
    for (let at = from; at < from + 40n; at += 20n) {
      // Partition 0 has large chunks, the others small ones.
      const valueBytes = partition === 0 ? 2000 : 100
      await writer.write(chunkOf(name, batchBytes(name, at, [15, 5], { valueBytes }), partition % 2 === 0))
    }
    accounts.push(accountOf(name, from, from + 40n))
    next.set(partition, from + 40n)
  }
  await writer.commit({
    accounts,
    positions: { taken: 1, groups: [], failed: [{ group: `${next.get(0)}`, error: '' }] },
  })
}
await writer.commit({ accounts: [], final: true })
