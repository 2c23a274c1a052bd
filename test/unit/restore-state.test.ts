import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/base/index.ts'
import type { JournalWriter } from '../../src/restore/state/journal.ts'
import type { JournalHeader } from '../../src/restore/state/journal-types.ts'
import { RestoreState } from '../../src/restore/state/restore-state.ts'

test('all who save while a save is under way share the next one, which holds what each of them knew', async () => {
  const saved: (string | undefined)[] = []
  const waiting: PromiseWithResolvers<void>[] = []
  const writer = {
    save: (header: JournalHeader) => {
      saved.push(header.groupsAsked)
      const written = Promise.withResolvers<void>()
      waiting.push(written)
      return written.promise
    },
  }
  const header = { topics: [], stage: 'opened' } as unknown as JournalHeader
  const state = new RestoreState(header, writer as unknown as JournalWriter, systemClock)
  const save = (known: string) => {
    state.update({ groupsAsked: known })
    return state.save()
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const first = save('a')
  await turn()
  let done = 0
  const later = ['b', 'c', 'd'].map((known) => save(known).finally(() => done++))
  await turn()
  assert.deepEqual(saved, ['a'])
  waiting[0]?.resolve()
  await first
  await turn()
  assert.deepEqual([saved, done], [['a', 'd'], 0])
  waiting[1]?.reject(new Error('full'))
  for (const one of later) await assert.rejects(one, /full/)
  const last = save('e')
  await turn()
  waiting[2]?.resolve()
  await last
  assert.deepEqual(saved, ['a', 'd', 'e'])
})
