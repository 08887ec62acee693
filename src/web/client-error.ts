import type { Socket } from 'node:net'
import { systemCode } from '../core/errors.ts'

/** What Node's parser refuses never becomes a request: why, and with which status. */
export type ParserRefusal = {
  readonly status: number
  readonly message: string
  readonly code: string | undefined
}

export type ClientErrorOptions = {
  /** True when an answer has begun on the connection: nothing may be written into it. */
  readonly isAnswering: (socket: Socket) => boolean
  /** The head and body of the answer, as they go over the wire. */
  readonly answer: (refusal: ParserRefusal) => string
}

/** Milliseconds a client has to read why it is refused before the connection is cut. */
const LINGER_MS = 1000

/** Answers by hand what is no request, and hangs up. */
export function hangUp(error: Error, socket: Socket, options: ClientErrorOptions): void {
  const code = systemCode(error)
  const silent = socket.destroyed || !socket.writable || code === 'ECONNRESET'
  if (silent || options.isAnswering(socket)) {
    socket.destroy()
    return
  }
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.end(options.answer(refusalOf(code)))
  socket.resume()
}

function refusalOf(code: string | undefined): ParserRefusal {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, message: 'the head of the request is too long', code }
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, message: 'the head of the request took too long', code }
  }
  if (code === 'HPE_INVALID_URL') {
    return { status: 400, message: 'the URL has characters that are to be percent-encoded', code }
  }
  const message = `the request is no well-formed HTTP (${code ?? 'unknown'})`
  return { status: 400, message, code }
}
