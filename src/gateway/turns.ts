/**
 * The order of the requests on each connection. A client may send many before it reads the first answer;
 * their answers leave in that order, so that work begun before its turn would only hold memory.
 */
export class Turns {
  readonly #last = new WeakMap<object, Promise<void>>()

  /** When the request before this one on its connection has ended; undefined for the first. */
  next(connection: object, ended: Promise<void>): Promise<void> | undefined {
    const before = this.#last.get(connection)
    this.#last.set(connection, ended)
    return before
  }
}
