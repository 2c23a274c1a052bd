/** Bytes that a batch of so many may take on the target: it may grow by headers, and by another implementation of its codec. */
export function roomFor(batch: number): number {
  return Math.ceil(batch * 1.1) + 1024
}
