/** Packs and unpacks a chunk; prints whether it came back, and why no thread can be started here. */
import { Worker } from 'node:worker_threads'
import { pack, unpack } from '../../../src/archive/packing.ts'

const bytes = Buffer.alloc(1_000_000, 'orders and payments ')
const { stored, digest } = await pack('zstd', bytes, undefined)
const target = Buffer.alloc(bytes.length)
const whole = (await unpack('zstd', stored, digest, target)) && target.equals(bytes)
let reason = 'none'
try {
  new Worker('', { eval: true })
} catch (error) {
  reason = (error as NodeJS.ErrnoException).code ?? ''
}
process.stdout.write(`${whole} ${reason}\n`)
