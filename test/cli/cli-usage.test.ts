import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli } from '../support/cli.ts'
import { programFile } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('without arguments the help is printed, exit 2', async () => {
  const { status, stdout, stderr } = await runCli([])
  assert.equal(status, 2)
  assert.match(stdout, /^Usage: kafka-backup/)
  assert.equal(stderr, '')
})

test('--help and --version exit 0', async () => {
  for (const flag of ['--help', '-h', 'help']) {
    const { status, stdout } = await runCli([flag])
    assert.equal(status, 0, flag)
    assert.match(stdout, /three-phase-restore/)
  }
  const { status, stdout } = await runCli(['--version'])
  assert.equal(status, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('an unknown command is told the nearest one, exit 2', async () => {
  const { status, stdout, stderr } = await runCli(['bakup'])
  assert.equal(status, 2)
  assert.equal(stdout, '')
  assert.equal(stderr, "Error: Unknown command 'bakup' [USAGE]\n  hint: Did you mean backup?\n")
})

test('an unknown flag is told the nearest one, exit 2', async () => {
  const { status, stderr } = await runCli(['backup', '--confg', 'x'])
  assert.equal(status, 2)
  assert.equal(stderr, "Error: Unknown option '--confg' [USAGE]\n  hint: Did you mean --config?\n")
})

test('a missing flag, a missing value and a superfluous word are each one sentence, exit 2', async () => {
  const missing = await runCli(['backup'])
  assert.equal(missing.status, 2)
  assert.match(missing.stderr, /^Error: -c FILE is missing \[USAGE\]\n {2}hint: /)
  const value = await runCli(['backup', '-c'])
  assert.equal(value.status, 2)
  assert.match(value.stderr, /^Error: Option '-c, --config <file>' argument missing \[USAGE\]/)
  const word = await runCli(['config', 'schema', 'more'])
  assert.equal(word.status, 2)
  assert.match(word.stderr, /^Error: Too many arguments/)
})

test('a format that a command does not have is told what it has', async () => {
  const { status, stderr } = await runCli(['config', 'validate', '-c', 'x', '--format', 'xml'])
  assert.equal(status, 2)
  assert.match(stderr, /"xml" is not a format of this command \[USAGE\]/)
})

test('with -o json also mistakes in the command line are objects', async () => {
  for (const flags of [['-o', 'json'], ['-ojson'], ['--format=json'], ['-f', 'json']]) {
    const { status, stderr } = await runCli(['backup', '--confg', ...flags])
    assert.equal(status, 2)
    const { error } = JSON.parse(stderr) as { readonly error: Record<string, unknown> }
    assert.equal(error.code, 'USAGE')
    assert.equal(error.exit, 2)
  }
})

test('a topic mapping without both of its sides is named', async () => {
  for (const pair of ['orders', 'orders=', '=orders']) {
    const place = ['--path', '/nowhere', '--backup-id', 'b', '--bootstrap-servers', 'x:1']
    const { status, stderr } = await runCli(['verify', ...place, '--topic-mapping', pair])
    assert.equal(status, 2)
    assert.match(stderr, new RegExp(`--topic-mapping needs SOURCE=TARGET, got "${pair}" \\[USAGE\\]`))
  }
})

test('without a file, a cluster that is not named is asked for by its flag', async () => {
  await using folder = await tempFolder('usage')
  const { status, stderr } = await runCli(['verify', '--path', folder.path, '--backup-id', 'b'])
  assert.equal(status, 2)
  assert.match(stderr, /No cluster is named \[CONFIG_INVALID\]/)
  assert.match(stderr, /--bootstrap-servers HOST:PORT/)
})

test('config validate reports everything in one go, exit 2, and accepts what is right, exit 0', async () => {
  await using folder = await tempFolder('usage')
  const file = join(folder.path, 'backup.yaml')
  await writeFile(file, 'mode: backup\nbackup_id: a\nsuorce: {}\nstorage: {backend: filesystem}\n')
  const wrong = await runCli(['config', 'validate', '-c', file])
  assert.equal(wrong.status, 2)
  assert.deepEqual(wrong.stdout.split('\n'), [
    `${file}:1:1: source is missing (the cluster to read from, with bootstrap_servers)`,
    `${file}:3:1: suorce is not a known key (did you mean "source"?)`,
    `${file}:4:1: storage.path is missing: expected text`,
    `${file} has 3 problems`,
    '',
  ])
  const json = await runCli(['config', 'validate', '-c', file, '-o', 'json'])
  const object = JSON.parse(json.stdout) as {
    readonly valid: boolean
    readonly problems: readonly { line: number }[]
  }
  assert.equal(object.valid, false)
  assert.deepEqual(
    object.problems.map(({ line }) => line),
    [1, 3, 4],
  )
  await writeFile(
    file,
    'mode: backup\nbackup_id: a\nsource: {bootstrap_servers: [a:1]}\nstorage: {backend: filesystem, path: /x}\nmetrics: {port: 1}\n',
  )
  const right = await runCli(['config', 'validate', '-c', file])
  assert.equal(right.status, 0)
  assert.match(right.stdout, /note: metrics\.port has no effect: .*\n.* is valid\n$/)
})

test('config schema prints JSON Schema', async () => {
  const { status, stdout } = await runCli(['config', 'schema'])
  assert.equal(status, 0)
  const schema = JSON.parse(stdout) as { readonly properties: Record<string, unknown> }
  assert.ok('backup_id' in schema.properties)
})

test('a wrong file is one sentence with the place, exit 2, and nothing is contacted', async () => {
  await using folder = await tempFolder('usage')
  const file = join(folder.path, 'backup.yaml')
  await writeFile(
    file,
    'mode: backup\nbackup_id: a\nsource: {bootstrap_servers: [nowhere.invalid:1]}\nstorage: {backend: filesystem, path: /x}\nbakcup: {}\n',
  )
  const { status, stdout, stderr } = await runCli(['backup', '-c', file])
  assert.equal(status, 2)
  assert.equal(stdout, '')
  assert.match(
    stderr,
    /^Error: .*backup\.yaml:5:1: bakcup is not a known key \(did you mean "backup"\?\) \[CONFIG_UNKNOWN_KEY\]\n/,
  )
})

test('a file that is not there is named', async () => {
  const { status, stderr } = await runCli(['backup', '-c', '/nowhere/backup.yaml'])
  assert.equal(status, 2)
  assert.match(
    stderr,
    /^Error: The configuration file \/nowhere\/backup\.yaml cannot be read: there is no such file or folder \[FILE_NOT_READABLE\]/,
  )
})

test('a folder that is not there is no archive without backups', async () => {
  await using folder = await tempFolder('list')
  const missing = join(folder.path, 'backup')
  const { status, stdout, stderr } = await runCli(['list', '--path', missing])
  assert.deepEqual([status, stdout], [2, ''])
  assert.equal(
    stderr,
    `Error: There is no folder ${missing} [CONFIG_INVALID]\n  hint: Give the folder of the archive with --path.\n`,
  )
  const empty = await runCli(['list', '--path', folder.path])
  assert.deepEqual([empty.status, empty.stdout], [0, `There is no backup in ${folder.path}\n`])
})

test('output that nobody reads to its end harms nothing', async () => {
  const child = spawn(process.execPath, [await programFile(), 'config', 'schema'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [status] = (await once(child, 'close')) as [number]
  assert.equal(stderr, '')
  assert.equal(status, 0)
})

test('completion scripts are printed for each shell and are sound for bash', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { status, stdout } = await runCli(['completion', shell])
    assert.equal(status, 0, shell)
    assert.match(stdout, /three-phase-restore/)
    assert.match(stdout, /bootstrap-servers/)
  }
  const { stdout } = await runCli(['completion', 'bash'])
  const complete = async (...words: string[]) => {
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const script = `${stdout}\nCOMP_WORDS=(${quoted}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _kafka_backup; printf '%s\\n' "\${COMPREPLY[@]}"`
    const bash = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks = await Promise.all([bash.stdout.toArray(), bash.stderr.toArray()])
    assert.equal(Buffer.concat(chunks[1] as Buffer[]).toString(), '')
    return Buffer.concat(chunks[0] as Buffer[])
      .toString()
      .trim()
      .split('\n')
  }
  assert.deepEqual(await complete('kafka-backup', 'thr'), ['three-phase-restore'])
  assert.deepEqual(await complete('kafka-backup', 'restore', 'fin'), ['finish'])
  assert.deepEqual(await complete('kafka-backup', 'offset-reset', 'plan', '--boot'), ['--bootstrap-servers'])
  const wrong = await runCli(['completion', 'bsh'])
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /Did you mean bash\?/)
})
