import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** The body's bytes as they come: only until the function returns. */
export type OnBody = (piece: Uint8Array) => void

/** Large enough for a range with its head, small enough to stay in the processor's cache. */
const BUFFER_BYTES = 131_072
const HEAD_END = Buffer.from('\r\n\r\n')

type Waiting = {
  readonly status: number
  readonly onBody: OnBody | undefined
  readonly resolve: (bytes: number) => void
  readonly reject: (error: Error) => void
}

/**
 * One connection that is kept open, with one request at a time. It knows of HTTP/1.1 what bodies with a
 * Content-Length need, and reads into one buffer: two cores are shared with the server, so the client
 * has to cost little, and the same for everybody.
 */
export class Connection implements Disposable {
  readonly #socket: Socket
  readonly #host: string
  #waiting: Waiting | undefined
  #head: Buffer | undefined
  /** Bytes of the body, once its head is read, and those still to come. */
  #length = -1
  #left = 0

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port, host } = new URL(url)
    let hear: (bytes: Buffer) => void = () => {}
    const socket = connect({
      ...{ host: hostname, port: Number(port), noDelay: true },
      onread: {
        buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES),
        callback: (count, buffer) => {
          hear(Buffer.from(buffer.buffer, buffer.byteOffset, count))
          return true
        },
      },
    })
    await once(socket, 'connect')
    const connection = new Connection(socket, host)
    hear = (bytes) => connection.#take(bytes)
    return connection
  }

  /** Bytes of the body of `GET path`. Rejects for another status than `status`. */
  get(
    path: string,
    { status = 200, headers = '', onBody }: { status?: number; headers?: string; onBody?: OnBody },
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting = { status, onBody, resolve, reject }
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n${headers}\r\n`)
    })
  }

  [Symbol.dispose](): void {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #take(bytes: Buffer): void {
    const body = this.#length < 0 ? this.#readHead(bytes) : bytes
    if (body === undefined || this.#waiting === undefined) return
    this.#left -= body.byteLength
    if (body.byteLength > 0) this.#waiting.onBody?.(body)
    if (this.#left < 0) this.#fail(new Error('more bytes came than the head says'))
    if (this.#left === 0) this.#answered()
  }

  /** What follows the head, once it has come. */
  #readHead(bytes: Buffer): Buffer | undefined {
    // A copy where it has to be kept: the buffer is read into again.
    const all = this.#head === undefined ? bytes : Buffer.concat([this.#head, bytes])
    const end = all.indexOf(HEAD_END)
    this.#head = end < 0 ? Buffer.from(all) : undefined
    if (end < 0) return undefined
    const head = all.toString('latin1', 0, end)
    const status = Number(head.slice(9, 12))
    const length = /^content-length: *(\d+)/im.exec(head)?.[1]
    if (status !== this.#waiting?.status || length === undefined) {
      this.#fail(new Error(`not what was asked for: ${head}`))
      return undefined
    }
    this.#length = Number(length)
    this.#left = this.#length
    return all.subarray(end + HEAD_END.byteLength)
  }

  #answered(): void {
    const [waiting, bytes] = [this.#waiting, this.#length]
    this.#waiting = undefined
    this.#length = -1
    waiting?.resolve(bytes)
  }

  #fail(error: Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    this.#socket.destroy()
    waiting?.reject(error)
  }
}
