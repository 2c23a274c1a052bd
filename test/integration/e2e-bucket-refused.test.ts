import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { type CliResult, runCli } from '../support/cli.ts'
import { type BackupJson, errorOf, reportOf, Stage } from '../support/e2e-stage.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

const bucket = 'archive'
const prefix = 'team/kafka'

let stage: Stage
let server: S3Server

before(async () => {
  ;[stage, server] = await Promise.all([Stage.open(), startS3Server()])
  await server.bucket(bucket)
  await stage.source.admin.createTopic('orders', 1)
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  await producer.fill({ topic: 'orders', partitions: 1, count: 100, size: 50 })
  await producer.close()
  const job = { backupId: 'shop', topics: ['orders'], storage: storage(bucket) }
  assert.equal(reportOf<BackupJson>(await stage.backup(job, [], { env: server.env })).records, 100)
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

for (const { what, env, says } of [
  {
    what: 'a wrong secret key',
    env: { AWS_SECRET_ACCESS_KEY: 'not-the-secret' },
    says: /: the signature does not match: the secret key is wrong$/,
  },
  {
    what: 'an access key that is not known',
    env: { AWS_ACCESS_KEY_ID: 'nobody' },
    says: /: the access key is not known$/,
  },
]) {
  test(`${what} is told in one sentence by every command, exit 2, and no secret is shown`, async () => {
    const topics = await stage.target.admin.topics()
    for (const [command, result] of await everyCommand(bucket, env)) {
      assert.match(errorOf(result, 2, 'STORAGE_DENIED').message, says, command)
      assertNoSecret(result)
    }
    const plain = await list(bucket, env)
    assert.equal(plain.status, 2)
    assertOneSentence(plain, 'STORAGE_DENIED')
    assertNoSecret(plain)
    assert.deepEqual(await stage.target.admin.topics(), topics)
  })
}

test('a bucket that does not exist is told in one sentence by every command, exit 1, and nothing is made', async () => {
  const topics = await stage.target.admin.topics()
  for (const [command, result] of await everyCommand('nowhere')) {
    const error = errorOf(result, 1, 'STORAGE_NOT_FOUND')
    assert.match(error.message, /s3:\/\/nowhere\/team\/kafka.*: the bucket does not exist$/, command)
    assert.match(String(error.hint), /Create the bucket/)
  }
  const plain = await list('nowhere')
  assert.equal(plain.status, 1)
  assertOneSentence(plain, 'STORAGE_NOT_FOUND')
  await assert.rejects(readdir(server.folder('nowhere')), { code: 'ENOENT' })
  assert.deepEqual(await stage.target.admin.topics(), topics)
})

test('a backup that the bucket does not hold is named, with what it holds', async () => {
  const described = await runCli(['describe', '-p', url(bucket), '-b', 'shoq', '-o', 'json'], {
    env: server.env,
  })
  const error = errorOf(described, 2, 'BACKUP_NOT_FOUND')
  assert.match(`${error.message} ${error.hint}`, /shoq.*shop/)
})

function url(name: string): string {
  return `s3://${name}/${prefix}?endpoint=${server.endpoint}&path_style=true&allow_http=true`
}

function storage(name: string) {
  const { endpoint } = server
  return { backend: 's3', bucket: name, prefix, endpoint, path_style: true, allow_http: true }
}

async function list(name: string, env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return await runCli(['list', '-p', url(name)], { env: { ...server.env, ...env } })
}

/** What every command that opens a store says with `-o json`, by its name. */
async function everyCommand(
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Map<string, CliResult>> {
  const options = { env: { ...server.env, ...env } }
  const job = { backupId: 'shop', topics: ['orders'], storage: storage(name) }
  const restore = { create_topics: true, topic_mapping: { '*': 'dr-*' } }
  const at = ['-p', url(name), '-b', 'shop']
  const cluster = ['--bootstrap-servers', stage.target.cluster.bootstrap]
  const results = new Map([
    ['backup', await stage.backup(job, [], options)],
    ['backup of another id', await stage.backup({ ...job, backupId: 'new' }, [], options)],
    ['three-phase-restore', await stage.restore({ ...job, restore }, [], 'three-phase-restore', options)],
  ])
  for (const args of [
    ['list', '-p', url(name)],
    ['describe', ...at],
    ['validate', ...at],
    ['show-offset-mapping', ...at],
    ['verify', ...at, ...cluster],
    ['offset-reset', 'plan', ...at, ...cluster, '-g', '*'],
    ['storage', 'check', url(name)],
  ]) {
    results.set(args.slice(0, 2).join(' '), await runCli([...args, '-o', 'json'], options))
  }
  return results
}

/** A sentence with the code; beneath it at most what the server said, and what to do. */
function assertOneSentence({ stderr }: CliResult, code: string): void {
  assert.match(
    stderr,
    new RegExp(`^Error: [^\\n]+ \\[${code}\\]\\n( {2}cause: [^\\n]+\\n)? {2}hint: [^\\n]+\\n$`),
  )
}

function assertNoSecret({ stdout, stderr }: CliResult): void {
  assert.doesNotMatch(stdout + stderr, new RegExp(`not-the-secret|${server.env.AWS_SECRET_ACCESS_KEY}`))
}
