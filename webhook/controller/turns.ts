/** One piece of work after the other, however many are wanted at once. One that fails holds up no other. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** As `work`, when its turn has come. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }
}
