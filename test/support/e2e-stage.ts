import assert from 'node:assert/strict'
import { type ClusterSetup, startCluster, type TestCluster } from './brokers.ts'
import { type CliOptions, type CliResult, type RunningCli, runCli, startCli } from './cli.ts'
import type { OutcomeJson } from './command-json.ts'
import { JavaAdmin } from './java-admin.ts'
import { type JavaClient, type SeenRecord, startJavaClient } from './java-client.ts'
import { type BackupFile, backupFile, type RestoreFile, restoreFile } from './job-files.ts'
import { tempFolder } from './temp-folder.ts'

/** A cluster with Kafka's own clients for it. */
export interface Side {
  readonly cluster: TestCluster
  readonly admin: JavaAdmin
}

export type BackupOptions = Omit<BackupFile, 'bootstrap' | 'path'> &
  Partial<Pick<BackupFile, 'bootstrap' | 'path'>>
export type RestoreOptions = Omit<RestoreFile, 'bootstrap' | 'path'> &
  Partial<Pick<RestoreFile, 'bootstrap' | 'path'>> & {
    /** Tells the files of several restores apart. @default the backup's id */
    readonly name?: string
  }

/** Everything that a test of whole commands needs: clusters, a neutral client, a folder, and the program. */
export class Stage implements AsyncDisposable {
  readonly source: Side
  readonly target: Side
  readonly java: JavaClient
  /** Folder of configuration files, and of the archive below `archive`. */
  readonly folder: string
  readonly archive: string
  readonly #undo: AsyncDisposableStack

  private constructor(
    source: Side,
    target: Side,
    java: JavaClient,
    folder: string,
    undo: AsyncDisposableStack,
  ) {
    this.source = source
    this.target = target
    this.java = java
    this.folder = folder
    this.archive = `${folder}/archive`
    this.#undo = undo
  }

  /** Starts the clusters; without a set-up for the target the source is both. */
  static async open(source: ClusterSetup = {}, target?: ClusterSetup): Promise<Stage> {
    await using undo = new AsyncDisposableStack()
    const keep = async <T extends AsyncDisposable>(made: Promise<T>): Promise<T> => undo.use(await made)
    const folder = await keep(tempFolder('e2e'))
    const made = await Promise.allSettled([
      keep(startJavaClient()),
      keep(startCluster(source)),
      target ? keep(startCluster(target)) : undefined,
    ])
    for (const each of made) if (each.status === 'rejected') throw each.reason
    const [java, from, to] = made.map((each) => (each.status === 'fulfilled' ? each.value : undefined))
    const client = java as JavaClient
    const side = (cluster: TestCluster): Side => ({
      cluster,
      admin: new JavaAdmin(client, cluster.bootstrap),
    })
    const sourceSide = side(from as TestCluster)
    const targetSide = to ? side(to as TestCluster) : sourceSide
    return new Stage(sourceSide, targetSide, client, folder.path, undo.move())
  }

  backupFile(job: BackupOptions): Promise<string> {
    return backupFile(this.folder, {
      bootstrap: this.source.cluster.bootstrap,
      path: this.archive,
      ...job,
    })
  }

  restoreFile(job: RestoreOptions): Promise<string> {
    const { name = job.backupId, ...rest } = job
    return restoreFile(this.folder, name, {
      bootstrap: this.target.cluster.bootstrap,
      path: this.archive,
      ...rest,
    })
  }

  /** Starts `backup -o json`. */
  async startBackup(
    job: BackupOptions,
    flags: readonly string[] = [],
    options: CliOptions = {},
  ): Promise<RunningCli> {
    const file = await this.backupFile(job)
    return await startCli(['backup', '-c', file, '-o', 'json', ...flags], options)
  }

  async backup(
    job: BackupOptions,
    flags: readonly string[] = [],
    options: CliOptions = {},
  ): Promise<CliResult> {
    return await (await this.startBackup(job, flags, options)).ended
  }

  /** Starts `restore` or `three-phase-restore` with `-o json`. */
  async startRestore(
    job: RestoreOptions,
    flags: readonly string[] = [],
    command: 'restore' | 'three-phase-restore' = 'three-phase-restore',
    options: CliOptions = {},
  ): Promise<RunningCli> {
    const file = await this.restoreFile(job)
    return await startCli([command, '-c', file, '-o', 'json', ...flags], options)
  }

  async restore(
    job: RestoreOptions,
    flags: readonly string[] = [],
    command: 'restore' | 'three-phase-restore' = 'three-phase-restore',
    options: CliOptions = {},
  ): Promise<CliResult> {
    return await (await this.startRestore(job, flags, command, options)).ended
  }

  /** `verify -o json` with the file of a restore. */
  async verify(
    job: RestoreOptions,
    flags: readonly string[] = [],
    options: CliOptions = {},
  ): Promise<CliResult> {
    return await runCli(['verify', '-c', await this.restoreFile(job), '-o', 'json', ...flags], options)
  }

  /** All committed records of every partition of a topic, in the order of the partitions. */
  async read(side: Side, topic: string): Promise<SeenRecord[][]> {
    const found: SeenRecord[][] = []
    for (const { partition } of await side.admin.partitions(topic)) {
      found.push(await this.java.read(side.cluster.bootstrap, topic, partition))
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync()
  }
}

/** What `backup -o json` prints, as far as tests look at it. */
export interface BackupJson {
  readonly status: string
  readonly commits: number
  readonly records: number
  readonly groups: number
  readonly notices: readonly {
    readonly type: string
    readonly message: string
    readonly topic?: string
    readonly partition?: number
    readonly reason?: string
    readonly from?: number
    readonly to?: number
  }[]
}

/** What `restore -o json` prints. */
export interface RestoreJson {
  readonly restore_id: string
  readonly status: string
  readonly resumed: boolean
  readonly already_done: boolean
  readonly records: number
  readonly duration_ms: number
  readonly failed_topics: readonly {
    readonly topic: string
    readonly code: string
    readonly message: string
  }[]
  readonly waiting_topics: readonly {
    readonly topic: string
    readonly configs: Readonly<Record<string, string>>
  }[]
  readonly positions: OutcomeJson | null
  readonly notices: readonly { readonly code: string; readonly message: string }[]
}

/** What `three-phase-restore -o json` prints. */
export interface ThreePhaseJson {
  readonly restore: RestoreJson
  readonly map: { readonly partitions: number; readonly records: number } | null
  readonly positions: OutcomeJson | null
}

/** What a command printed as JSON, after its exit status was checked. */
export function reportOf<Report>(result: CliResult, status = 0): Report {
  assert.equal(result.status, status, `${result.signal ?? ''}${result.stderr}${result.stdout}`)
  return JSON.parse(result.stdout) as Report
}

/** The error that a command printed with `-o json`, after its exit status and code were checked. */
export function errorOf(result: CliResult, status: number, code: string): JsonError {
  const said = `${result.signal ?? ''}${result.stderr}${result.stdout}`
  assert.equal(result.status, status, said)
  const at = result.stderr.lastIndexOf('{\n  "error"')
  assert.ok(at >= 0, said)
  const { error } = JSON.parse(result.stderr.slice(at)) as { error: JsonError }
  assert.equal(error.code, code, error.message)
  assert.equal(error.exit, status)
  return error
}

export interface JsonError {
  readonly code: string
  readonly exit: number
  readonly message: string
  readonly hint: string | null
  readonly cause: string | null
  readonly details: Readonly<Record<string, unknown>>
}

/** A line of `--progress json`, as far as tests look at it. */
export interface ProgressJson {
  readonly phase: string
  readonly bytes: number
  readonly records: number
}

/** The last progress line (`--progress json`) for which something holds; resolves when it comes, or when the program ends. */
export async function progressUntil(
  running: RunningCli,
  holds: (line: ProgressJson) => boolean,
): Promise<ProgressJson | undefined> {
  const seen = new Promise<ProgressJson>((resolve) => {
    let read = 0
    running.onStderr((stderr) => {
      for (;;) {
        const end = stderr.indexOf('\n', read)
        if (end < 0) return
        const line = stderr.slice(read, end)
        read = end + 1
        if (!line.startsWith('{"type":"progress"')) continue
        const progress = JSON.parse(line) as ProgressJson
        if (holds(progress)) resolve(progress)
      }
    })
  })
  return await Promise.race([seen, running.ended.then(() => undefined)])
}
