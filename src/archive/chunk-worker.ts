import { parentPort } from 'node:worker_threads'
import { fromMessage, type Request } from './chunk-message.ts'
import { doChunkWork } from './chunk-work.ts'

parentPort?.on('message', (request: Request) => {
  const { id } = request
  try {
    parentPort?.postMessage({ id, done: doChunkWork(fromMessage(request)) })
  } catch (error) {
    parentPort?.postMessage({ id, error })
  }
})
