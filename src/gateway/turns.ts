/**
 * The order of the requests on each connection. A client may send many before it reads the first answer;
 * their answers leave in that order, so that work begun before its turn would only hold memory.
 */
export class Turns {
  readonly #last = new WeakMap<object, Promise<void>>()

  /** When the request before this one on its connection has ended; undefined when none is under way. */
  next(connection: object, ended: Promise<void>): Promise<void> | undefined {
    const before = this.#last.get(connection)
    this.#last.set(connection, ended)
    // Who waits for his answers before he asks again, as most do, waits for nothing here.
    void ended.then(() => {
      if (this.#last.get(connection) === ended) this.#last.delete(connection)
    })
    return before
  }
}
