import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cacheFolder } from './kafka-jars.ts'

const run = promisify(execFile)

/** A program that is built from the Go module proxy. */
export interface GoProgram {
  /** Name of the binary. */
  readonly name: string
  readonly package: string
  readonly version: string
}

const ready = new Map<string, Promise<string>>()

/** Path of the built program. Built once for each machine; processes that want it at the same time wait for the one that builds. */
export function goProgram(program: GoProgram): Promise<string> {
  const known = ready.get(program.name)
  if (known) return known
  const path = build(program)
  ready.set(program.name, path)
  return path
}

async function build(program: GoProgram): Promise<string> {
  const folder = join(cacheFolder(), `${program.name}-${program.version}`)
  const binary = join(folder, program.name)
  await mkdir(cacheFolder(), { recursive: true })
  const lock = `${folder}.building`
  while (!(await exists(binary))) {
    if (!(await takeLock(lock))) {
      await delay(500)
      continue
    }
    try {
      if (!(await exists(binary))) await install(program, folder)
    } finally {
      await rm(lock, { force: true })
    }
  }
  return binary
}

async function install(program: GoProgram, folder: string): Promise<void> {
  const { name, version } = program
  process.stderr.write(`Building ${name} ${version} with Go (once for this machine, about two minutes)\n`)
  const work = await mkdtemp(join(cacheFolder(), `.${name}-`))
  try {
    await run('go', ['install', '-trimpath', '-ldflags=-s -w', `${program.package}@${version}`], {
      cwd: work,
      env: { ...process.env, GOBIN: work, CGO_ENABLED: '0', GOFLAGS: '' },
      maxBuffer: 1 << 26,
    })
    await rename(work, folder)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      throw new Error(`Go (1.26 or newer) is needed to build ${name}; install it and try again`, { cause })
    }
    throw new Error(`${name} ${version} could not be built with Go: ${String(cause)}`, { cause })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Whether this process may build now. A lock whose holder is gone is removed. */
async function takeLock(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx')
    await file.write(String(process.pid))
    return true
  } catch {
    const holder = Number(await readFile(path, 'utf8').catch(() => ''))
    if (holder > 0 && !alive(holder)) await rm(path, { force: true })
    return false
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
