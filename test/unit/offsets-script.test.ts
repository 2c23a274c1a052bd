import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { makePlan, type Plan, resetScript, type WantedPosition } from '../../src/offsets/index.ts'
import { bashQuote } from '../../src/offsets/script/bash-quote.ts'
import { tempFolder } from '../support/temp-folder.ts'

const run = promisify(execFile)

function plan(wanted: readonly Partial<WantedPosition>[], backupId = 'production-backup-001'): Plan {
  const full = wanted.map(
    (position): WantedPosition => ({
      group: 'order-processor',
      topic: 'orders',
      partition: 0,
      offset: 0n,
      metadata: null,
      kind: 'exact',
      reason: '',
      reread: 0,
      from: [],
      ...position,
    }),
  )
  return makePlan({
    clusterId: 'c1',
    created: Date.UTC(2024, 11, 3, 10),
    origin: { type: 'backup', backupId, restoreId: 'r', captured: 0 },
    wanted: full,
    notices: [],
    current: { done: [], failed: [] },
    logs: new Map(
      ['orders', 'payments'].map((topic) => [
        topic,
        new Map([0, 1, 2].map((partition) => [partition, { logStart: 0n, logEnd: 1_000_000n }])),
      ]),
    ),
  })
}

/**
 * A tool that writes down its arguments and says that it did as told; the group `late` it moves elsewhere,
 * `busy` it refuses.
 */
const fakeTool = `#!/bin/bash
printf '%s\\0' "$#" "$@" >> "$CALLS"
while [ $# -gt 0 ]; do
  case "$1" in --group) g="$2" ;; --topic) t="$2" ;; --to-offset) o="$2" ;; esac
  shift
done
echo "WARN something harmless" >&2
[ "$g" = late ] && o=7
[ "$g" = busy ] && { echo; echo "Error: Assignments can only be reset if the group '$g' is inactive."; exit 0; }
[ "$g" = broken ] && { echo "GROUP TOPIC PARTITION NEW-OFFSET"; echo "$g \${t%:*} \${t##*:} $o"; exit 3; }
printf '\\nGROUP  TOPIC  PARTITION  NEW-OFFSET\\n%s   %s   %s   %s\\n' "$g" "\${t%:*}" "\${t##*:}" "$o"
`

async function runScript(plan: Plan, environment: Readonly<Record<string, string>> = {}) {
  await using folder = await tempFolder('script')
  const script = join(folder.path, 'reset.sh')
  const tool = join(folder.path, 'kafka tool')
  const calls = join(folder.path, 'calls')
  await writeFile(script, resetScript(plan, { bootstrapServers: 'kafka:9092' }))
  await writeFile(tool, fakeTool)
  await writeFile(calls, '')
  await chmod(tool, 0o755)
  await run('bash', ['-n', script])
  const result = await run('bash', [script], {
    cwd: folder.path,
    env: { PATH: process.env.PATH, KAFKA_CONSUMER_GROUPS: tool, CALLS: calls, ...environment },
  }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, stdout: error.stdout }),
  )
  assert.deepEqual(
    (await readdir(folder.path)).sort(),
    ['calls', 'kafka tool', 'reset.sh'],
    'nothing else was run',
  )
  const words = (await readFile(calls, 'utf8')).split('\0').slice(0, -1)
  const invocations: string[][] = []
  while (words.length > 0) invocations.push(words.splice(0, Number(words.shift())))
  return { ...result, invocations }
}

test('the script has the commands as documented', () => {
  const text = resetScript(plan([{ offset: 150233n }, { partition: 1, offset: 148891n }]), {
    bootstrapServers: 'kafka:9092',
  })
  assert.match(
    text,
    /^#!\/bin\/bash\n# Offset reset script for backup: production-backup-001\n# Generated: 2024-12-03T10:00:00Z\n/,
  )
  assert.match(text, /^# Stop consumers before running this script!$/m)
  assert.ok(
    text.includes(`kafka-consumer-groups --bootstrap-server "$BOOTSTRAP_SERVERS" \\
  --group order-processor \\
  --topic orders:0 \\
  --reset-offsets --to-offset 150233 --execute

kafka-consumer-groups --bootstrap-server "$BOOTSTRAP_SERVERS" \\
  --group order-processor \\
  --topic orders:1 \\
  --reset-offsets --to-offset 148891 --execute
`),
  )
})

test('the script calls the tool once for each position and counts what the tool says it has set', async () => {
  const { code, stdout, invocations } = await runScript(
    plan([{ offset: 5n }, { group: 'g2', topic: 'payments', partition: 2, offset: 77n }]),
  )
  assert.equal(code, 0, stdout)
  assert.match(stdout, /2 of 2 positions set, 0 failed/)
  const call = (group: string, place: string, offset: string) => [
    ...['--bootstrap-server', 'kafka:9092', '--group', group, '--topic', place],
    ...['--reset-offsets', '--to-offset', offset, '--execute'],
  ]
  assert.deepEqual(invocations, [call('order-processor', 'orders:0', '5'), call('g2', 'payments:2', '77')])
})

test('the script goes on after failures, names them and exits 1', async () => {
  const groups = ['busy', 'ok', 'late', 'broken', 'also ok']
  const { code, stdout, invocations } = await runScript(plan(groups.map((group) => ({ group, offset: 9n }))))
  assert.equal(code, 1)
  assert.equal(invocations.length, 5)
  assert.match(stdout, /2 of 5 positions set, 3 failed/)
  assert.match(stdout, /late orders:0 -> 9 \.\.\. FAILED: out of range, the tool moved it to 7/)
  assert.match(stdout, /Error: Assignments can only be reset if the group 'busy' is inactive/)
  assert.match(
    stdout,
    / {2}failed: busy orders:0 -> 9\n {2}failed: late orders:0 -> 9\n {2}failed: broken orders:0/,
  )
})

test('nothing to set is no failure, a position that cannot be set is one', async () => {
  assert.equal((await runScript(plan([]))).code, 0)
  assert.equal(
    (await runScript(plan([{ offset: undefined, reason: 'no $(touch x) position\nrm -rf' }]))).code,
    0,
  )
  const refused = await runScript(plan([{ offset: 2_000_000n }, { group: 'a\0b', partition: 1 }]))
  assert.equal(refused.code, 1)
  assert.match(refused.stdout, /0 of 2 positions set, 2 failed/)
  assert.match(refused.stdout, /Offset 2000000 is out of range for partition 0 \(current: 0-1000000\)/)
  assert.deepEqual(refused.invocations, [])
})

test('the environment chooses address, tool options and a dry run', async () => {
  const { invocations } = await runScript(plan([{}]), {
    BOOTSTRAP_SERVERS: 'other:1',
    COMMAND_CONFIG: '/path with space/client.properties',
    DRY_RUN: '1',
  })
  assert.deepEqual(invocations[0]?.slice(0, 4), [
    ...['--command-config', '/path with space/client.properties', '--bootstrap-server', 'other:1'],
  ])
  assert.equal(invocations[0]?.at(-1), '--dry-run')
  const options = await runScript(plan([{}]), {
    COMMAND_CONFIG: '--command-config /c.properties --timeout 9',
  })
  assert.deepEqual(options.invocations[0]?.slice(0, 4), [
    ...['--command-config', '/c.properties', '--timeout', '9'],
  ])
})

test('a missing tool is said at once', async () => {
  const { code, invocations } = await runScript(plan([{}]), { KAFKA_CONSUMER_GROUPS: '/nowhere/tool.sh' })
  assert.equal(code, 2)
  assert.deepEqual(invocations, [])
})

test('names that mean something to a shell reach the tool as they are and run nothing', async () => {
  const names = [
    '$HOME $(touch pwned) `touch pwned`',
    `it's "quoted" \\ back`,
    'two\nlines; touch pwned',
    '\ttab\r\u001b[31m\u0085\u2028end',
    '-dash',
    '--execute',
    '#comment !bang ~ * ? [x] {a,b}',
    'größe 日本 🎉',
    "'; touch pwned; '",
    '\\n\\x41',
  ]
  const { code, stdout, invocations } = await runScript(
    plan(
      names.map((group) => ({ group, reason: `about\n${group}\ntouch pwned` })),
      'backup\ntouch pwned',
    ),
  )
  assert.deepEqual(
    invocations.map((call) => call[3]),
    names,
  )
  assert.equal(code, 0, stdout)
})

test('whatever the text, bash reads a quoted word back as it was', async () => {
  const words = fc.sample(
    fc.array(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'\'"\\$`!\n\t 0n') })),
      {
        minLength: 300,
        maxLength: 300,
      },
    ),
    1,
  )[0] as string[]
  const valid = words.map((word) => word.toWellFormed().replaceAll('\0', ''))
  const script = `printf '%s\\0' ${valid.map(bashQuote).join(' ')}`
  assert.equal(script.split('\n').length, 1)
  const { stdout } = await run('bash', ['-c', script], { maxBuffer: 1 << 24 })
  assert.deepEqual(stdout.split('\0').slice(0, -1), valid)
})
