type Removals = { running: number; changes: number }

/**
 * Directories that files were removed from and that have not been synced since: after a power cut the
 * files may be there again.
 */
export class Unlinks {
  readonly #directories = new Map<number, Removals>()

  /** The lowest of them; infinite: none. */
  get lowest(): number {
    return Math.min(...this.#directories.keys())
  }

  get directories(): readonly number[] {
    return [...this.#directories.keys()]
  }

  /** Removes a file of `directory`. */
  async during(directory: number, unlink: () => Promise<void>): Promise<void> {
    const removals = this.#directories.get(directory) ?? { running: 0, changes: 0 }
    this.#directories.set(directory, removals)
    removals.running += 1
    removals.changes += 1
    try {
      await unlink()
    } finally {
      removals.running -= 1
    }
  }

  /** Syncs `directory`: what was removed from it before is gone for good. */
  async settle(directory: number, sync: () => Promise<void>): Promise<void> {
    const removals = this.#directories.get(directory)
    const { running = 0, changes = 0 } = removals ?? {}
    await sync()
    if (running === 0 && removals?.changes === changes) this.#directories.delete(directory)
  }
}
