import { systemCode } from '../core/errors.ts'

/** Who read our output has enough (`| head`): nothing is wrong, and nothing is left to do. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone'
}

/** A stream we write results to, at the pace of its reader. */
export class StandardOutput {
  readonly #stream: NodeJS.WritableStream
  #error: Error | undefined

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
    stream.on('error', (error: Error) => {
      this.#error ??= error
    })
  }

  /** Resolves when there is room for more. Throws ReaderGone when nobody reads any more. */
  async write(chunk: string | Uint8Array): Promise<void> {
    this.#throwError()
    if (this.#stream.write(chunk)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ['drain', 'error', 'close']) this.#stream.off(event, done)
        resolve()
      }
      for (const event of ['drain', 'error', 'close']) this.#stream.on(event, done)
    })
    this.#throwError()
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`)
  }

  #throwError(): void {
    if (this.#error === undefined) return
    throw systemCode(this.#error) === 'EPIPE' ? new ReaderGone() : this.#error
  }
}
