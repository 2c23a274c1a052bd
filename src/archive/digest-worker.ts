import { hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

interface Request {
  readonly id: number
  readonly memory: SharedArrayBuffer
  readonly offset: number
  readonly length: number
}

parentPort?.on('message', ({ id, memory, offset, length }: Request) => {
  parentPort?.postMessage({ id, digest: hash('sha256', Buffer.from(memory, offset, length)) })
})
