import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
/** Below node_modules, so that what is built there finds its dependencies. */
const builds = join(root, 'node_modules', '.cache', 'tidemark')
const day = 86_400_000

let ready: Promise<string> | undefined

/**
 * The file that users start, `bin/kafka-backup.mjs`, in a folder built from the sources as they are now. Built once for each
 * state of the sources: never a stale `dist`, and a test that runs for long runs one program, whatever is edited meanwhile.
 */
export function programFile(): Promise<string> {
  ready ??= build().then((folder) => join(folder, 'bin', 'kafka-backup.mjs'))
  return ready
}

async function build(): Promise<string> {
  const folder = join(builds, `build-${stateOfSources()}`)
  if (existsSync(folder)) return folder
  await mkdir(builds, { recursive: true })
  await removeOld()
  const work = await mkdtemp(join(builds, '.build-'))
  try {
    await compile(join(work, 'dist'))
    await cp(join(root, 'bin'), join(work, 'bin'), { recursive: true })
    await cp(join(root, 'package.json'), join(work, 'package.json'))
    // Test processes that build the same at once: the first rename wins, the others use its result.
    await rename(work, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error
    })
    return folder
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function compile(output: string): Promise<void> {
  await run(process.execPath, [join(root, 'scripts', 'build.ts'), output], {
    cwd: root,
    maxBuffer: 1 << 24,
  }).catch((error: unknown) => {
    throw new Error('The program could not be built', { cause: error })
  })
}

function stateOfSources(): string {
  const hash = createHash('sha256')
  const files = ['src/**/*.ts', 'bin/*', 'scripts/build.ts', 'package.json', 'package-lock.json'].flatMap(
    (pattern) => globSync(join(root, pattern)).sort(),
  )
  for (const file of files) hash.update(`${relative(root, file)}\0`).update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}

async function removeOld(): Promise<void> {
  for (const name of await readdir(builds)) {
    const { mtimeMs } = await stat(join(builds, name)).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > 2 * day) await rm(join(builds, name), { recursive: true, force: true })
  }
}
