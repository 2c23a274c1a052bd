import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Below the range from which the kernel takes ports for outgoing connections, so that none of those gets in the way. */
const lowest = 12_000
const highest = 32_000

/** A file for each port that a process of the tests has taken, with its pid in it. */
const folder = join(tmpdir(), 'tidemark-test-ports')
const reserved = new Set<string>()

/**
 * A port on loopback that nothing listens on now, and that neither this process has handed out before nor another one that still runs:
 * between the choice and the listening, and while a broker is down, nobody else gets it.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(lowest, highest)
    const file = join(folder, String(port))
    if (!reserve(file)) continue
    if (await canListen(port)) return port
    release(file)
  }
  throw new Error(`No free port found between ${lowest} and ${highest}`)
}

function reserve(file: string): boolean {
  if (!created(file) && !takenOver(file)) return false
  if (reserved.size === 0) process.once('exit', () => reserved.forEach(release))
  reserved.add(file)
  return true
}

function release(file: string): void {
  rmSync(file, { force: true })
  reserved.delete(file)
}

/** The file of a process that was killed. Of several that find it one has the turn, and looks again. */
function takenOver(file: string): boolean {
  const turn = `${file}.turn`
  if (isHeld(file) || !created(turn)) return false
  try {
    if (isHeld(file)) return false
    writeFileSync(file, String(process.pid))
    return true
  } finally {
    rmSync(turn)
  }
}

function created(file: string): boolean {
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** So too when it is just being written or removed. */
function isHeld(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    return pid === 0 || process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

async function canListen(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
