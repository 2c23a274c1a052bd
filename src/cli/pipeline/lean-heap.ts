import { setFlagsFromString } from 'node:v8'

/**
 * Leaves the part of the heap for new objects as small as it is. V8 lets it grow to 64 MB in a process that runs for long, however little
 * of it is alive at a time: as much as all else that such a process needs. It is collected more often instead, in less than a millisecond each time.
 */
export function keepHeapLean(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
