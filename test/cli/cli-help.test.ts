import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli } from '../support/cli.ts'
import { holdsGolden } from '../support/golden-file.ts'

const golden = join(import.meta.dirname, 'golden', 'help')

const commands = [
  [],
  ['backup'],
  ['restore'],
  ['restore', 'finish'],
  ['three-phase-restore'],
  ['list'],
  ['describe'],
  ['validate'],
  ['validate-restore'],
  ['verify'],
  ['show-offset-mapping'],
  ['offset-reset'],
  ['offset-reset', 'plan'],
  ['offset-reset', 'execute'],
  ['offset-reset', 'script'],
  ['offset-reset-bulk'],
  ['offset-rollback'],
  ['offset-rollback', 'snapshot'],
  ['offset-rollback', 'list'],
  ['offset-rollback', 'show'],
  ['offset-rollback', 'rollback'],
  ['offset-rollback', 'verify'],
  ['offset-rollback', 'delete'],
  ['groups'],
  ['groups', 'list'],
  ['groups', 'describe'],
  ['groups', 'copy'],
  ['groups', 'rename'],
  ['groups', 'delete-offsets'],
  ['groups', 'export'],
  ['groups', 'import'],
  ['groups', 'hold'],
  ['config'],
  ['config', 'validate'],
  ['config', 'schema'],
  ['storage'],
  ['storage', 'check'],
  ['completion'],
] as const

for (const command of commands) {
  const name = command.length === 0 ? 'kafka-backup' : command.join(' ')
  test(`the help of ${name} is as agreed`, async () => {
    const { status, stdout, stderr } = await runCli([...command, '--help'])
    assert.equal(status, 0)
    assert.equal(stderr, '')
    await holdsGolden(join(golden, `${name.replaceAll(' ', '-')}.txt`), stdout)
  })
}
