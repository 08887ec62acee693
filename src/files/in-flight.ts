/** Runs tasks side by side, at most `max` at once. The first failure is what `add` and `drain` throw. */
export class InFlight {
  readonly #max: number
  readonly #running = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(max: number) {
    this.#max = max
  }

  /** Starts `task`, once there is room for it. */
  async add(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#max) await Promise.race(this.#running)
    this.#throwFailure()
    const running = task()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Waits for all that runs. */
  async drain(): Promise<void> {
    await this.settled()
    this.#throwFailure()
  }

  /** Waits for all that runs, whatever became of it: what a clean-up needs. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}
