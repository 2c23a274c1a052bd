import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { hostname } from 'node:os'

/** A name that the worker keeps over restarts, for as long as it is not disposed. */
export interface WorkerName extends AsyncDisposable {
  readonly name: string
  /** Nobody else has it, and it comes back after a restart. */
  readonly lasting: boolean
}

/** Processes of one pipeline on one host that are told apart. */
const mostSlots = 64

/**
 * The host's name and the lowest number that no other process of this host has for the pipeline. A number is taken by listening on
 * an abstract socket, which goes with the process however it ends. Where there are none (not Linux), the name has the process id
 * and does not last.
 */
export async function hostWorkerName(pipeline: string): Promise<WorkerName> {
  const host = hostname()
  if (process.platform === 'linux') {
    const own = createHash('sha256').update(pipeline).digest('hex').slice(0, 16)
    for (let slot = 0; slot < mostSlots; slot++) {
      const release = await listening(`\0tidemark-worker-${own}-${slot}`)
      if (release) return { name: `${host}-${slot}`, lasting: true, [Symbol.asyncDispose]: release }
    }
  }
  return { name: `${host}-${process.pid}`, lasting: false, async [Symbol.asyncDispose]() {} }
}

/** Undefined when somebody listens there already. */
function listening(path: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen(path, () => {
      server.unref()
      resolve(() => new Promise((closed) => server.close(() => closed())))
    })
  })
}
