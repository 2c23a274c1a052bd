/** Memory that several users share: given back when the last one lets go. */
export class Lease {
  #users = 1
  readonly #giveBack: () => void

  /** Starts with one user: the caller. */
  constructor(giveBack: () => void) {
    this.#giveBack = giveBack
  }

  retain(): void {
    this.#users++
  }

  readonly release = (): void => {
    this.#users--
    if (this.#users === 0) this.#giveBack()
  }
}
