/** Bytes of a slab; what needs more than a part of one gets memory of its own. */
const SLAB = 1 << 20
const LARGEST_PART = SLAB / 4
/** Slabs, and pieces of scratch, kept for later. */
const KEPT = 16
/** Bytes of a piece of scratch. */
const SCRATCH = SLAB / 4

/** Memory for one batch, to be released once. */
export interface SlabPart {
  readonly bytes: Buffer
  readonly release: () => void
}

interface Slab {
  readonly memory: Buffer
  used: number
  /** Parts in use, and one for the pool while it still gives parts out. */
  users: number
}

/**
 * Memory for batches that are built and live until they have landed: pieces of slabs that are used again, so that a restore which
 * builds all its batches does not leave gigabytes to the garbage collector.
 */
export class SlabPool {
  readonly #free: Slab[] = []
  #open: Slab | undefined
  readonly #scratch: Buffer[] = []

  /** Memory of {@link SCRATCH} bytes for work between two batches. It does not hold a slab, and is used again as soon as it is released. */
  borrow(): SlabPart {
    const bytes = this.#scratch.pop() ?? Buffer.allocUnsafeSlow(SCRATCH)
    return {
      bytes,
      release: () => {
        if (this.#scratch.length < KEPT) this.#scratch.push(bytes)
      },
    }
  }

  take(size: number): SlabPart {
    if (size > LARGEST_PART) return { bytes: Buffer.allocUnsafeSlow(size), release: () => {} }
    let slab = this.#open
    if (!slab || slab.used + size > SLAB) {
      if (slab) this.#release(slab)
      slab = this.#free.pop() ?? { memory: Buffer.allocUnsafeSlow(SLAB), used: 0, users: 0 }
      slab.used = 0
      slab.users = 1
      this.#open = slab
    }
    const own = slab
    const bytes = own.memory.subarray(own.used, own.used + size)
    own.used += size
    own.users++
    return { bytes, release: () => this.#release(own) }
  }

  #release(slab: Slab): void {
    slab.users--
    if (slab.users === 0 && this.#free.length < KEPT) this.#free.push(slab)
  }
}

/** Memory that nobody takes back, for batches that are only looked at. */
export const fresh: Pick<SlabPool, 'take'> = Object.freeze({
  take: (size: number): SlabPart => ({ bytes: Buffer.allocUnsafe(size), release: () => {} }),
})
