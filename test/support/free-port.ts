import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below the range from which the kernel takes ports for outgoing connections, so that none of those gets in the way. */
const lowest = 12_000
const highest = 32_000

const given = new Set<number>()

/** A port on loopback that nothing listens on now and that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(lowest, highest)
    if (given.has(port) || !(await canListen(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`No free port found between ${lowest} and ${highest}`)
}

async function canListen(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
