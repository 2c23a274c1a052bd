import { spawn } from 'node:child_process'
import { type FileHandle, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { tempFolder } from './temp-folder.ts'

/** A disk that can be full. It is mounted where only some processes see it, and gone with this one. */
export interface SmallDisk extends AsyncDisposable {
  /** Its folder, as programs started by `through` see it. */
  readonly folder: string
  /** The same folder as this process reaches it. */
  readonly outside: string
  /** What starts a program where the disk is mounted. */
  readonly through: readonly string[]
  /** Takes the space until only so many bytes are left. */
  fill(left: number): Promise<void>
  /** Gives back what `fill` took. */
  makeRoom(): Promise<void>
}

/** Mounted in a name space of its own, which lives as long as the shell that made it: until its standard input closes. */
const mount = 'mount -t tmpfs -o "size=$2,mode=777" none "$1" && echo mounted && exec cat'

/** Mounts a disk of `size` bytes; needs no rights where the system allows user namespaces. A text says why it cannot be had. */
export async function mountSmallDisk(size: number): Promise<SmallDisk | string> {
  await using undo = new AsyncDisposableStack()
  const folder = undo.use(await tempFolder('disk'))
  const root = process.getuid?.() === 0
  const space = root ? ['-m'] : ['-r', '-m']
  const holder = spawn('unshare', [...space, 'sh', '-c', mount, 'sh', folder.path, String(size)])
  const ended = new Promise<void>((resolve) => {
    holder.once('error', () => resolve())
    holder.once('close', () => resolve())
  })
  undo.defer(async () => {
    holder.stdin.end()
    await ended
  })
  holder.stdin.on('error', () => {})
  let said = ''
  holder.stderr.on('data', (data: Buffer) => {
    said += data.toString()
  })
  const mounted = new Promise<boolean>((resolve) => holder.stdout.once('data', () => resolve(true)))
  if (!(await Promise.race([mounted, ended]))) return `no small disk can be mounted here: ${said.trim()}`
  const enter = root ? ['-m'] : ['-U', '-m', '--preserve-credentials']
  const outside = join(`/proc/${holder.pid}/root`, folder.path)
  const filler = join(outside, 'filler')
  const kept = undo.move()
  return {
    folder: folder.path,
    outside,
    through: ['nsenter', '-t', String(holder.pid), ...enter, '--'],
    async fill(left) {
      await using file = await open(filler, 'a')
      for (;;) {
        const { bavail, bsize } = await statfs(outside)
        const room = bavail * bsize - left
        if (room <= 0 || !(await takes(file, Math.min(room, 1 << 20)))) return
      }
    },
    async makeRoom() {
      await rm(filler, { force: true })
    },
    async [Symbol.asyncDispose]() {
      await kept.disposeAsync()
    },
  }
}

/** Writes so many bytes, unless somebody else was faster. */
async function takes(file: FileHandle, bytes: number): Promise<boolean> {
  try {
    await file.appendFile(Buffer.alloc(bytes))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
    throw error
  }
}
